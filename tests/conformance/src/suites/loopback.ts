/** Servers that a runtime reaches on loopback. */
export interface Loopback {
  /** Base URL of a gateway with the demo engine and no TPM. */
  readonly gateway: string
  readonly apiKey: string
  /** Fingerprint of the gateway's key, and of a key that is not the gateway's. */
  readonly pin: string
  readonly otherPin: string
  /** Base URL of the server whose every path is a fault; see `local-servers.ts`. */
  readonly faults: string
  /** Base URL at which no server listens. */
  readonly nowhere: string
}
