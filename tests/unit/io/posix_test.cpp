// What only the real disk has: folders, locks, permissions, limits.

#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/directory_lock.h"
#include "io/posix.h"
#include "support/scratch_folder.h"

using namespace fluxion;

namespace {

unsigned modeOf(const std::string& path)
{
    struct stat s {};
    REQUIRE(::stat(path.c_str(), &s) == 0);
    return s.st_mode & 07777;
}

bool contains(const std::string& text, const std::string& part)
{
    return text.find(part) != std::string::npos;
}

int flagsOf(const std::string& path)
{
    for (int fd = 3; fd < 256; ++fd) {
        char target[4096] = {};
        const std::string link = "/proc/self/fd/" + std::to_string(fd);
        if (::readlink(link.c_str(), target, sizeof target - 1) > 0 && path == target)
            return ::fcntl(fd, F_GETFL) | (::fcntl(fd, F_GETFD) & FD_CLOEXEC ? O_CLOEXEC : 0);
    }
    return -1;
}

// Runs in a child process, which may give up rights and limits; its result is the exit code.
template <class Body> int inChild(Body body)
{
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0)
        ::_exit(body());
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

} // namespace

TEST_CASE("openDirectory makes the folder, private, unless told not to")
{
    const ScratchFolder scratch;
    const std::string path = scratch.path() + "/data";
    const auto missing = openDirectory(path, false);
    REQUIRE_FALSE(missing.ok());
    CHECK(missing.error().code == Code::Io);
    CHECK(missing.error().text == "cannot open folder " + path + ": No such file or directory");

    const auto deep = openDirectory(path + "/a/b");
    REQUIRE_FALSE(deep.ok());
    CHECK(deep.error().code == Code::Io);
    CHECK(deep.error().text ==
          "cannot create folder " + path + "/a/b: there is no folder " + path + "/a");

    const auto made = openDirectory(path + "//");
    REQUIRE(made.ok());
    CHECK(made.value()->path() == path);
    CHECK(modeOf(path) == 0700);
    CHECK(openDirectory(path, false).ok());
    CHECK(openDirectory(scratch.path() + "/other", true, 0750).ok());
    CHECK(modeOf(scratch.path() + "/other") == 0750);

    CHECK_FALSE(openDirectory(scratch.path() + "/no/parent").ok());
    std::ofstream(scratch.path() + "/file") << "x";
    const auto file = openDirectory(scratch.path() + "/file");
    REQUIRE_FALSE(file.ok());
    CHECK(contains(file.error().text, "Not a directory"));
    CHECK_FALSE(openDirectory("").ok());
}

TEST_CASE("files are private, closed on exec, and durable modes carry O_DSYNC")
{
    const ScratchFolder scratch;
    const auto d = openDirectory(scratch.path());
    struct Row {
        OpenMode mode;
        int access;
        bool durable;
    };
    const Row rows[] = {
        {OpenMode::Create, O_RDWR, false},       {OpenMode::Read, O_RDONLY, false},
        {OpenMode::Write, O_RDWR, false},        {OpenMode::WriteDurable, O_RDWR, true},
        {OpenMode::CreateDurable, O_RDWR, true},
    };
    for (const Row& row : rows) {
        CAPTURE(static_cast<int>(row.mode));
        const std::string name = row.mode == OpenMode::CreateDurable ? "g" : "f";
        const auto file = d.value()->open(name, row.mode);
        REQUIRE(file.ok());
        CHECK(modeOf(scratch.path() + "/" + name) == 0600);
        const int flags = flagsOf(file.value()->path());
        REQUIRE(flags >= 0);
        CHECK((flags & O_ACCMODE) == row.access);
        CHECK(((flags & O_DSYNC) != 0) == row.durable);
        CHECK((flags & O_CLOEXEC) != 0);
    }
}

TEST_CASE("only plain files are listed and opened")
{
    const ScratchFolder scratch;
    const auto d = openDirectory(scratch.path());
    std::ofstream(scratch.path() + "/plain") << "x";
    REQUIRE(::mkdir((scratch.path() + "/folder").c_str(), 0700) == 0);
    REQUIRE(::mkfifo((scratch.path() + "/pipe").c_str(), 0600) == 0);
    REQUIRE(::symlink("plain", (scratch.path() + "/link").c_str()) == 0);
    CHECK(d.value()->list().value() == std::vector<std::string>{"plain"});
    for (const char* name : {"folder", "pipe", "link"}) {
        CAPTURE(name);
        CHECK(d.value()->exists(name).value());
        CHECK(d.value()->open(name, OpenMode::Read).error().code == Code::Io);
    }
}

TEST_CASE("files and lists outlive the Directory they came from")
{
    const ScratchFolder scratch;
    auto d = openDirectory(scratch.path());
    auto file = d.value()->open("f", OpenMode::Create);
    d.value().reset();
    CHECK(writeFully(*file.value(), 0, "still").ok());
    CHECK(file.value()->sync().ok());
    CHECK(readWhole(*file.value(), 5).value() == "still");
}

TEST_CASE("replaceFile leaves no temporary file")
{
    const ScratchFolder scratch;
    const auto d = openDirectory(scratch.path());
    std::ofstream(scratch.path() + "/f.tmp") << "of an earlier crash";
    for (const char* bytes : {"one", "two", ""}) {
        CHECK(replaceFile(*d.value(), "f", bytes).ok());
        CHECK(d.value()->list().value() == std::vector<std::string>{"f"});
        const auto file = d.value()->open("f", OpenMode::Read);
        CHECK(readWhole(*file.value(), 10).value() == bytes);
    }
    CHECK(modeOf(scratch.path() + "/f") == 0600);
}

TEST_CASE("a full disk is told from other errors")
{
    const ScratchFolder scratch;
    const auto d = openDirectory(scratch.path());
    const int result = inChild([&] {
        ::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{4096, 4096};
        if (::setrlimit(RLIMIT_FSIZE, &limit) != 0)
            return 1;
        auto file = d.value()->open("f", OpenMode::Create);
        if (!file.ok())
            return 2;
        // The first 4,096 bytes fit: a short write, continued, then the error.
        const Status done = writeFully(*file.value(), 0, std::string(5000, 'x'));
        if (done.ok() || done.error().code != Code::StorageFull)
            return 3;
        if (!contains(done.error().text, scratch.path() + "/f: File too large"))
            return 4;
        return file.value()->size().value() == 4096 ? 0 : 5;
    });
    CHECK(result == 0);
    CHECK(systemError(ENOSPC, "write", "f").code == Code::StorageFull);
    CHECK(systemError(EDQUOT, "write", "f").code == Code::StorageFull);
    CHECK(systemError(EFBIG, "write", "f").code == Code::StorageFull);
    CHECK(systemError(EIO, "write", "f").code == Code::Io);
    CHECK(systemError(EIO, "write", "f").text == "cannot write f: Input/output error");
}

TEST_CASE("a data folder has one server at a time")
{
    const ScratchFolder scratch;
    {
        const auto lock = lockDirectory(scratch.path());
        REQUIRE(lock.ok());
        const auto second = lockDirectory(scratch.path());
        REQUIRE_FALSE(second.ok());
        CHECK(second.error().code == Code::Usage);
        CHECK(second.error().text == "the data folder " + scratch.path() +
                                         " is in use by process " + std::to_string(::getpid()));
        // From another process too, and the text stays the holder's.
        CHECK(inChild([&] { return lockDirectory(scratch.path()).ok() ? 1 : 0; }) == 0);
        CHECK(inChild([&] { return lockDirectory(scratch.path()).ok() ? 1 : 0; }) == 0);
    }
    auto again = lockDirectory(scratch.path());
    REQUIRE(again.ok());
    const DirectoryLock moved = std::move(again.value());
    CHECK_FALSE(lockDirectory(scratch.path()).ok());
    std::string pid;
    std::getline(std::ifstream(scratch.path() + "/lock"), pid);
    CHECK(pid == std::to_string(::getpid()));
}

TEST_CASE("the lock of a killed process is free")
{
    const ScratchFolder scratch;
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const auto lock = lockDirectory(scratch.path());
        const char ok = lock.ok() ? 'y' : 'n';
        if (::write(ready[1], &ok, 1) == 1)
            ::pause();
        ::_exit(1);
    }
    char ok = 0;
    REQUIRE(::read(ready[0], &ok, 1) == 1);
    CHECK(ok == 'y');
    const auto refused = lockDirectory(scratch.path());
    REQUIRE_FALSE(refused.ok());
    CHECK(contains(refused.error().text, "process " + std::to_string(child)));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    CHECK(lockDirectory(scratch.path()).ok());
    ::close(ready[0]);
    ::close(ready[1]);
}

TEST_CASE("readers of a folder share its lock, keep servers out, and change nothing")
{
    const ScratchFolder scratch;
    CHECK(lockDirectoryShared(scratch.path()).ok());
    CHECK(std::filesystem::is_empty(scratch.path()));
    {
        const auto server = lockDirectory(scratch.path());
        REQUIRE(server.ok());
        const auto refused = lockDirectoryShared(scratch.path());
        REQUIRE_FALSE(refused.ok());
        CHECK(refused.error().code == Code::Usage);
        CHECK(contains(refused.error().text, "in use by process " + std::to_string(::getpid())));
    }
    {
        const auto reader = lockDirectoryShared(scratch.path());
        REQUIRE(reader.ok());
        CHECK(lockDirectoryShared(scratch.path()).ok());
        const auto refused = lockDirectory(scratch.path());
        REQUIRE_FALSE(refused.ok());
        CHECK(refused.error().code == Code::Usage);
        CHECK(contains(refused.error().text, "in use by fluxion verify"));
    }
    CHECK(lockDirectory(scratch.path()).ok());
    CHECK(lockDirectoryShared(scratch.path() + "/missing").ok());
}

TEST_CASE("a folder that cannot be written to is refused")
{
    const ScratchFolder scratch;
    CHECK(lockDirectory(scratch.path() + "/missing").error().code == Code::Io);
    // Also where an old lock file could still be opened.
    std::ofstream(scratch.path() + "/lock") << "1\n";
    const int result = inChild([&] {
        if (::chmod((scratch.path() + "/lock").c_str(), 0666) != 0 ||
            ::chmod(scratch.path().c_str(), 0555) != 0)
            return 1;
        constexpr uid_t kNobody = 65534;
        if (::geteuid() == 0 && ::setuid(kNobody) != 0)
            return 2;
        const auto lock = lockDirectory(scratch.path());
        if (lock.ok() || lock.error().code != Code::Io)
            return 3;
        return contains(lock.error().text, scratch.path()) &&
                       contains(lock.error().text, "Permission denied")
                   ? 0
                   : 4;
    });
    CHECK(result == 0);
    ::chmod(scratch.path().c_str(), 0700);
}
