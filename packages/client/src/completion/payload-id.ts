/** A name for one attempt: 122 random bits (RFC 9562, version 4), never used again. */
export function newPayloadId(): string {
  return crypto.randomUUID()
}
