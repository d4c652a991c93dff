// The server about itself: snap, stat.

#include "api/handlers.h"
#include "api/session.h"

namespace fluxion {

namespace {

std::string statReply(const Service& service, const std::optional<std::string>& id)
{
    const Engine& engine = service.engine;
    const int64_t now = service.clock.steadyUs();
    const StoreMemory memory = engine.store().memory();
    const CheckpointReport checkpoint = engine.lastCheckpoint();
    const LatencyMinute::Summary writes = service.writeTimes.summary(now);
    const CutShare::Summary cuts = service.live.cuts.summary();
    std::string out;
    ReplyWriter writer(out, id);
    writer.text("version", service.version)
        .integer("uptime_ms", (now - service.startedUs) / kUsPerMs)
        .boolean("durable", engine.durable())
        .text("log", engine.history())
        .unsignedInteger("seq", engine.appliedSeq())
        .unsignedInteger("durable_seq", engine.durableSeq())
        .unsignedInteger("oldest_seq", engine.oldestSeq())
        .unsignedInteger("log_bytes", engine.logBytes())
        .unsignedInteger("checkpoint_seq", checkpoint.seq)
        .unsignedInteger("checkpoint_bytes", checkpoint.bytes)
        .integer("checkpoint_ms", checkpoint.tookUs / kUsPerMs)
        .integer("checkpoint_pause_us", checkpoint.pauseUs)
        .integer("checkpoint_time", checkpoint.atUs / kUsPerMs)
        .unsignedInteger("series_bytes", memory.seriesBytes)
        .unsignedInteger("values_bytes", memory.valuesBytes)
        .unsignedInteger("event_bytes", service.live.eventBytes + service.live.backfillBytes)
        .unsignedInteger("connections", service.connections.list().size())
        .unsignedInteger("subscriptions", service.live.subscriptions)
        .unsignedInteger("queued_write_bytes", engine.queuedBytes())
        .unsignedInteger("queued_events", service.live.queuedEvents)
        .unsignedInteger("fell_behind", service.live.fellBehind)
        .unsignedInteger("evictions", service.live.evictions)
        .unsignedInteger("snapshots", cuts.count)
        .integer("oldest_snapshot_ms", cuts.oldestUs / kUsPerMs)
        .unsignedInteger("writes_last_minute", writes.count)
        .integer("write_p50_us", writes.p50Us)
        .integer("write_p95_us", writes.p95Us)
        .integer("write_p99_us", writes.p99Us)
        .end();
    return out;
}

} // namespace

// Memory is counted document by document: not on an I/O thread.
void handleStat(const Call& call)
{
    std::optional<std::string> id = call.ownedId();
    call.session.replyLater(
        call, [&service = call.service, id = std::move(id)] { return statReply(service, id); });
}

void handleSnap(const Call& call)
{
    std::optional<std::string> id = call.ownedId();
    call.service.engine.requestCheckpoint(
        [answer = call.session.answerLater(call),
         id = std::move(id)](const Result<CheckpointReport>& report) {
            if (!report)
                return answer(errorReply(id, report.error()));
            std::string out;
            ReplyWriter(out, id)
                .unsignedInteger("seq", report.value().seq)
                .unsignedInteger("bytes", report.value().bytes)
                .integer("ms", report.value().tookUs / kUsPerMs)
                .integer("pause_us", report.value().pauseUs)
                .end();
            answer(std::move(out));
        });
}

} // namespace fluxion
