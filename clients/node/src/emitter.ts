type Listener = (...args: never[]) => void;

/** Listeners by name, in the order they were added. */
export class Emitter<Listeners extends { [Name in keyof Listeners]: Listener }> {
  private readonly lists = new Map<keyof Listeners, Listeners[keyof Listeners][]>();

  add<Name extends keyof Listeners>(name: Name, listener: Listeners[Name]): void {
    this.lists.set(name, [...(this.lists.get(name) ?? []), listener]);
  }

  remove<Name extends keyof Listeners>(name: Name, listener: Listeners[Name]): void {
    const list = this.lists.get(name) ?? [];
    const at = list.lastIndexOf(listener);
    if (at !== -1) this.lists.set(name, list.filter((_, i) => i !== at));
  }

  has(name: keyof Listeners): boolean {
    return (this.lists.get(name)?.length ?? 0) > 0;
  }

  /** What a listener throws is thrown later, so that it stops nobody else. */
  emit<Name extends keyof Listeners>(name: Name, ...args: Parameters<Listeners[Name]>): void {
    for (const listener of this.lists.get(name) ?? []) {
      try {
        listener(...args);
      } catch (error) {
        throwLater(error);
      }
    }
  }
}

/** As an error that nobody catches. */
export function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
