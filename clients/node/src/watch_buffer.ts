/** What waits for the consumer: events, the position after them, or something to tell. */
export type Entry<Event> =
  | { kind: "events"; events: Event[]; at: number; length: number }
  | { kind: "cursor"; cursor: string; isBookmark: boolean }
  | { kind: "start" }
  | { kind: "tell"; run: () => void };

/** In the order of arrival. An entry of events holds at least one that was not handed out. */
export class WatchBuffer<Event> {
  private entries: Entry<Event>[] = [];
  /** Events that wait. */
  events = 0;
  /** Of the frames that they came in, in UTF-16 units. */
  length = 0;

  get head(): Entry<Event> | undefined {
    return this.entries[0];
  }

  addEvents(events: Event[], length: number): void {
    if (events.length === 0) return;
    this.entries.push({ kind: "events", events, at: 0, length });
    this.events += events.length;
    this.length += length;
  }

  /** Of positions in a row only the last counts, so that they do not pile up. */
  addCursor(cursor: string, isBookmark: boolean): void {
    const last = this.entries.at(-1);
    if (last?.kind === "cursor") {
      last.cursor = cursor;
      last.isBookmark ||= isBookmark;
    } else this.entries.push({ kind: "cursor", cursor, isBookmark });
  }

  addSnapshotStart(): void {
    this.entries.push({ kind: "start" });
  }

  addNews(run: () => void): void {
    this.entries.push({ kind: "tell", run });
  }

  /** The next event, where the head holds events. */
  takeEvent(): Event | undefined {
    const head = this.entries[0];
    if (head?.kind !== "events") return undefined;
    const event = head.events[head.at]!;
    this.events--;
    if (++head.at === head.events.length) {
      this.length -= head.length;
      this.entries.shift();
    }
    return event;
  }

  /** Any other head. */
  drop(): void {
    this.entries.shift();
  }

  /** Forgets a snapshot whose pieces are last; it may have been handed out in part. */
  dropSnapshot(): void {
    const starts = this.entries.map(({ kind }) => kind).lastIndexOf("start");
    for (const entry of this.entries.splice(Math.max(starts, 0))) {
      if (entry.kind !== "events") continue;
      this.events -= entry.events.length - entry.at;
      this.length -= entry.length;
    }
  }

  clear(): void {
    this.entries = [];
    this.events = 0;
    this.length = 0;
  }
}
