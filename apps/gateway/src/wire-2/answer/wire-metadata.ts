import type { AuthorizedRequest } from '../routes/authorized-request.js'
import type { ExchangeContext } from '../exchange-context.js'

const KEM_NAMES: Readonly<Record<number, string>> = { 0x20: 'X25519', 0x647a: 'MLKEM768-X25519' }
const AEAD_NAMES: Readonly<Record<number, string>> = { 1: 'AES-128-GCM', 2: 'AES-256-GCM' }

/** Creates the members of the metadata that describe the encryption. */
export function wireMetadata(
  { suite, facts }: Pick<AuthorizedRequest, 'suite' | 'facts'>,
  { requestKeys }: Pick<ExchangeContext, 'requestKeys'>,
): Readonly<Record<string, unknown>> {
  return {
    is_encrypted: true,
    encryption_algorithm: `OHTTP ${KEM_NAMES[suite.kemId]} HKDF-SHA256 ${AEAD_NAMES[suite.aeadId]}`,
    processed_at: Math.floor(facts().nowMs / 1000),
    wire: { version: 2, statement_sha256: requestKeys.published()?.sha256 },
  }
}
