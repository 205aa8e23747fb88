import { sealEnvelope, type PublicKey } from '@nomyo/crypto'
import { createVouch, type KeyStatement } from '@nomyo/crypto/wire-2'
import { APIError, errorFromResponse, startDeadline, type Transport } from '@nomyo/transport'
import type { ClientConfig } from '../../config/options.js'
import { fetchPublicKey } from '../../gateway-api/public-key.js'

const MAX_ANSWER_BYTES = 4096

/** The parts of a client that ask for a vouch. */
export interface VouchParts {
  readonly transport: Transport
  readonly config: ClientConfig
}

/**
 * Returns the RSA key of the gateway if it is one of these and its holder stands behind the statement;
 * otherwise undefined. The gateway decrypts a question, which only the holder can; no key of this client
 * takes part.
 *
 * @throws APIError, APIConnectionError when the gateway does not answer; status 409 where its statement is
 * another by now
 * @throws SecurityError for an RSA key or an answer that is malformed
 */
export async function findVouchingKey(
  accepted: readonly string[],
  statement: KeyStatement,
  { transport, config }: VouchParts,
  signal: AbortSignal,
): Promise<PublicKey | undefined> {
  try {
    const { timeout, defaultHeaders: headers, minServerKeyBits: minBits } = config
    const { key } = await fetchPublicKey(transport, { timeout, headers, minBits, signal })
    if (!accepted.includes(key.fingerprint)) return undefined
    return (await vouchesFor(key, statement, { transport, config }, signal)) ? key : undefined
  } catch (error) {
    // A gateway without a key for wire 1, or without this question, vouches for nothing.
    if (error instanceof APIError && error.statusCode === 404) return undefined
    throw error
  }
}

async function vouchesFor(
  key: PublicKey,
  statement: KeyStatement,
  { transport, config }: VouchParts,
  signal: AbortSignal,
): Promise<boolean> {
  const { request, verify } = await createVouch(statement.bytes)
  const body = await sealEnvelope(request, key)
  request.fill(0)
  const deadline = startDeadline(config.timeout, [signal])
  try {
    const response = await transport.send({
      method: 'POST',
      path: '/pki/wire2/vouch',
      headers: { ...config.defaultHeaders, 'content-type': 'application/octet-stream' },
      body,
      maxResponseBytes: MAX_ANSWER_BYTES,
      signal: deadline.signal,
    })
    if (response.status !== 200) throw errorFromResponse(response)
    return await verify(response.body)
  } finally {
    deadline.clear()
  }
}
