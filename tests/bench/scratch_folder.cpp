#include "bench/scratch_folder.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <linux/magic.h>
#include <stdexcept>
#include <sys/vfs.h>

namespace fluxion::bench {

namespace {

// build/, of build/tests/bench.
std::string parent()
{
    return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path();
}

unsigned long magicOf(const std::string& path)
{
    struct statfs system {};
    if (::statfs(path.c_str(), &system) != 0)
        throw std::runtime_error("no file system is known of " + path);
    return static_cast<unsigned long>(system.f_type);
}

} // namespace

ScratchFolder::ScratchFolder()
{
    if (magicOf(parent()) == TMPFS_MAGIC)
        throw std::runtime_error(parent() + " is on tmpfs, in memory, where a durable write costs "
                                            "nothing: build on a disk");
    m_path = parent() + "/bench-XXXXXX";
    if (!::mkdtemp(m_path.data()))
        throw std::runtime_error("no scratch folder can be made in " + parent());
}

ScratchFolder::~ScratchFolder()
{
    std::error_code fault;
    std::filesystem::remove_all(m_path, fault);
    if (fault)
        std::fprintf(stderr, "bench: %s is left: %s\n", m_path.c_str(), fault.message().c_str());
}

std::string ScratchFolder::fileSystem()
{
    const unsigned long magic = magicOf(parent());
    switch (magic) {
    case EXT4_SUPER_MAGIC:
        return "ext4";
    case XFS_SUPER_MAGIC:
        return "xfs";
    case BTRFS_SUPER_MAGIC:
        return "btrfs";
    case OVERLAYFS_SUPER_MAGIC:
        return "overlayfs";
    case TMPFS_MAGIC:
        return "tmpfs";
    default:
        break;
    }
    char text[40];
    std::snprintf(text, sizeof text, "file system 0x%lx", magic);
    return text;
}

} // namespace fluxion::bench
