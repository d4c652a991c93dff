import { Client } from "./client.js";
import type { FluxionClientOptions } from "./options.js";
import { CLOCK } from "./platform.js";
import { openSocket } from "./socket_browser.js";

export * from "./exports.js";

/** A client of a Fluxion server. Options: FluxionClientOptions. */
export class FluxionClient<Ts extends "number" | "bigint" = "number"> extends Client<Ts> {
  /** @throws TypeError for an option that makes no sense */
  constructor(options: FluxionClientOptions<Ts>) {
    super(options, { ...CLOCK, open: openSocket });
  }
}

/** The same class under the names that programs of an existing client for this protocol use. */
export { FluxionClient as FluxionDBClient, FluxionClient as default };
