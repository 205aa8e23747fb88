/** Codes of the files, stores and keys that a gateway cannot work without. */
export type GatewayErrorCode =
  | 'ERR_API_KEYS'
  | 'ERR_API_KEYS_FILE'
  | 'ERR_CA_FILE'
  | 'ERR_CONFIG'
  | 'ERR_KEY_STORE'
  | 'ERR_METRICS_ADDRESS'
  | 'ERR_MODEL'
  | 'ERR_MODEL_DOWNLOAD'
  | 'ERR_MODEL_FILE'
  | 'ERR_MODEL_LIBRARY'
  | 'ERR_MODEL_MEMORY'
  | 'ERR_REDIS_URL'
  | 'ERR_RELOAD'
  | 'ERR_TLS_FILES'
  | 'ERR_TRACING'

/**
 * A file, store or key of the gateway that cannot be used. The message names the file and the faulty member,
 * and contains neither a value nor a secret.
 */
export class GatewayError extends Error {
  override readonly name = 'GatewayError'
  readonly code: GatewayErrorCode

  constructor(code: GatewayErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
