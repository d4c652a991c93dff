#pragma once

// A simulated disk with one folder, for tests: it loses power at any step, keeps of the un-synced
// what it likes, and fails on demand.
//
// What it takes for lasting (and nothing else): bytes written through a durable open mode, once
// writeSome() returned; bytes written before the start of a sync() that returned ok; names settled
// by a folder sync() that returned ok. A failed file sync() loses its bytes for ever, although
// reads still see them and later syncs succeed; a failed folder sync() leaves its names in doubt
// for ever.
//
// Numbered operations are those that change something: SimOp::Create to SimOp::SyncFolder, from 1.
// Opening, reading and listing are not numbered, but can be made to fail.
//
// Any thread. Every call on one disk is under one lock, except while the hook runs.

#include <array>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "base/ref.h"
#include "io/file.h"

namespace fluxion {

inline constexpr size_t kSectorBytes = 512;

struct SimOp {
    enum Kind : uint8_t {
        Create,
        Write,
        Sync,
        Rename,
        Remove,
        SyncFolder,
        // Not numbered:
        Open, // of an existing file
        Read, // readAt() and size()
        List, // list() and exists()
    };
    static constexpr size_t kKinds = 9;

    Kind kind = Create;
    std::string name;     // empty for SyncFolder and list()
    std::string to;       // Rename
    uint64_t offset = 0;  // Write, Read
    uint64_t size = 0;    // Write, Read: as asked
    bool durable = false; // Write: the file was opened in a durable mode
    uint64_t number = 0;  // 0: not numbered
};

// "12 write seg-1 +4096 300 durable": for messages of failed tests.
std::string describe(const SimOp& op);

// Something goes wrong without a power cut. The operation fails, having changed nothing, except: a
// Write with Fault::Io is seen by later reads, but only `keptBytes` of it are ever on the medium.
struct SimFailure {
    enum class Fault : uint8_t {
        Io,         // EIO: Code::Io
        NoSpace,    // ENOSPC: Code::StorageFull
        ShortWrite, // Write only: `keptBytes` are written, or half if 0; ok
    };
    SimOp::Kind kind = SimOp::Write;
    uint64_t nth = 1;     // counted over the operations that match, from setPlan()
    bool forEver = false; // this one and all that follow
    Fault fault = Fault::Io;
    std::string nameStart = {}; // only names that begin so
    uint64_t keptBytes = 0;
};

struct SimPlan {
    // Power is cut while this operation is under way: it and all later ones return Code::Io.
    uint64_t crashAt = 0; // 0: never
    std::vector<SimFailure> failures;
};

// What is found after a power cut.
struct Survival {
    // Un-synced writes that had returned.
    enum class Unsynced : uint8_t {
        Lost,
        Kept,
        SizeOnly, // the file has grown, by zeros; no byte arrived
        LastOnly, // of each file only the last one: the medium reorders
    };
    // The write under way; for a sync under way: all it had to bring to the medium, in order.
    enum class Running : uint8_t {
        Lost,
        Kept,
        Prefix,     // the first `at` bytes
        LostSector, // all but its `at`-th sector, which shows what stood there before
        OnlySector, // only its `at`-th sector, the file grown to its new size
    };
    static constexpr uint64_t kAllNames = ~uint64_t{0};

    Unsynced unsynced = Unsynced::Lost;
    Running running = Running::Lost;
    uint64_t at = 0;
    // Bit i: the i-th creation, rename or removal since the last folder sync took place (the one
    // under way is the last); bit 63 stands for all later ones too. One that shares a name with an
    // earlier one happens only together with that.
    uint64_t names = 0;

    bool operator==(const Survival&) const = default;
};

// "unsynced=lost running=prefix 37 names=0x3".
std::string describe(const Survival& survival);

struct SurvivalOptions {
    // Prefixes of the write under way: every n-th byte from `prefixPhase` on, and the first, the
    // last but one and each sector boundary. The step grows so that about maxPrefixes remain.
    size_t prefixStep = 1;
    size_t prefixPhase = 0;
    size_t maxPrefixes = 4096;
    // Lost (and lone) sectors of the write under way: evenly spread if there are more.
    size_t maxSectors = 64;
    // Up to so many un-settled name operations in every combination; of more: each first n of
    // them, all but one, only one.
    size_t maxNamesCombined = 4;
};

class SimDisk : public std::enable_shared_from_this<SimDisk> {
  public:
    // Called by the operating thread after an operation got its number and before it has any
    // effect, without the lock: it may inspect, copy, set the plan or cut the power of this disk,
    // run operations on it, or wait.
    using Hook = std::function<void(const SimOp&)>;

    static std::shared_ptr<SimDisk> create();

    // Several may be open; each keeps the disk alive, as do its files.
    std::unique_ptr<Directory> directory();

    // Replaces the plan; operations are counted and recorded anew.
    void setPlan(SimPlan plan);
    void setHook(Hook hook);

    // Since the start or setPlan().
    uint64_t operations() const;
    uint64_t count(SimOp::Kind kind) const; // tried, failed ones too
    std::vector<SimOp> history() const;     // the numbered ones

    // Now; an operation whose hook is running is then the one under way.
    void cutPower();
    bool powerOff() const;

    // The interesting outcomes of a power cut at this moment: after it, from within a hook (the
    // operation announced is under way), or between two operations. Never empty; each once.
    std::vector<Survival> survivals(const SurvivalOptions& options = {}) const;
    // The disk found at the next start: powered, all of it lasting, no plan, no hook.
    std::shared_ptr<SimDisk> afterCrash(const Survival& survival) const;
    // The disk found by the next process, where only the process died: what was written is there,
    // un-synced as before. No plan, no hook.
    std::shared_ptr<SimDisk> afterKill() const;
    // As it is, no plan, no hook, no open files. An operation under way stays so: crash such a
    // copy; to run on, take afterKill(). Shares content until one side writes.
    std::shared_ptr<SimDisk> clone() const;

    // As a process sees it, power or not.
    std::vector<std::string> names() const;
    std::optional<std::string> contents(const std::string& name) const;
    // Edits, creating the file if needed. Lasting, as are then all names. Not operations.
    void setContents(const std::string& name, std::string_view bytes);
    void removeContents(const std::string& name);

  private:
    friend class SimFile;
    friend class SimDirectory;

    struct Bytes : RefCounted {
        std::string text;
    };
    struct PendingWrite {
        uint64_t offset = 0;
        Ref<Bytes> bytes;
        uint64_t id = 0; // rising, as in NameOp
    };
    // One file, whatever its names. `live` and `durable` are one object where they are equal.
    struct Node {
        Ref<Bytes> live;
        Ref<Bytes> durable;
        std::vector<PendingWrite> pending;
    };
    using NodePtr = std::shared_ptr<Node>;
    using Names = std::map<std::string, NodePtr>;
    struct NameOp {
        SimOp::Kind kind = SimOp::Create;
        std::string name;
        std::string to;
        NodePtr node;
        bool doubtful = false; // a folder sync failed over it
        uint64_t id = 0;
    };
    struct Running {
        uint64_t number = 0;
        NodePtr node;                     // Write, Sync
        std::vector<PendingWrite> writes; // what may partly arrive
        uint64_t upTo = 0;                // Sync, SyncFolder: covers pending ids up to this one
        std::optional<NameOp> nameOp;
    };
    using RunningAt = std::list<Running>::iterator;
    // The right to give an operation its effect: holds the lock; nothing runs after it.
    struct Turn {
        std::unique_lock<std::mutex> lock;
        RunningAt running;
        std::optional<SimFailure> failure;
    };

    SimDisk() = default;

    // operations (sim.cpp)
    Result<NodePtr> openFile(const std::string& name, OpenMode mode);
    Result<NodePtr> createFile(const std::string& name);
    Result<size_t> read(Node& node, const std::string& name, uint64_t offset, char* out,
                        size_t size);
    Result<size_t> write(const NodePtr& node, const SimOp& op, std::string_view bytes);
    Status syncFile(const NodePtr& node, const std::string& name);
    Result<uint64_t> sizeOf(Node& node, const std::string& name);
    Result<std::vector<std::string>> list();
    Result<bool> exists(const std::string& name);
    Status changeName(NameOp op);
    Status syncFolder();

    template <class Prepare> Result<Turn> begin(SimOp op, Prepare prepare);
    Status look(const SimOp& op); // an operation without number; under the lock
    std::optional<SimFailure> failureOf(const SimOp& op);
    static void overwrite(Ref<Bytes>& content, uint64_t offset, std::string_view bytes);
    static void overwriteBoth(Node& node, uint64_t offset, std::string_view bytes);
    static void apply(Names& names, const NameOp& op);
    static bool shareName(const NameOp& a, const NameOp& b);

    // crashes (sim_crash.cpp), all under the lock
    std::vector<NameOp> openNameOps() const;
    const Running* torn() const; // the operation under way that Survival::Running is about
    std::vector<Survival::Unsynced> unsyncedModes() const;
    Ref<Bytes> contentAfter(const NodePtr& node, const Survival& survival) const;
    static Ref<Bytes> arrived(const Ref<Bytes>& before, const Running& running,
                              const Survival& survival);
    static std::vector<uint64_t> sectorsOf(const Running& running);
    static std::vector<bool> takenPlace(const std::vector<NameOp>& ops, uint64_t mask);
    static std::vector<uint64_t> nameMasks(const std::vector<NameOp>& ops, size_t maxCombined);
    static void addTorn(std::vector<Survival>& out, Survival rest, const Running& running,
                        const SurvivalOptions& options);
    std::shared_ptr<SimDisk> copy(bool withRunning) const;

    mutable std::mutex m_mutex;
    Names m_live;                  // as a process sees them
    Names m_durable;               // as the medium holds them
    std::vector<NameOp> m_nameOps; // lead from m_durable to m_live
    std::list<Running> m_running;  // usually none or one
    bool m_off = false;
    SimPlan m_plan;
    std::vector<uint64_t> m_failureSeen; // per failure of the plan
    Hook m_hook;
    uint64_t m_number = 0;
    uint64_t m_lastId = 0; // of pending writes and name operations
    std::array<uint64_t, SimOp::kKinds> m_counts{};
    std::vector<SimOp> m_history;
};

} // namespace fluxion
