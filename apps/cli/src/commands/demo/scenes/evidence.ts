import { GATEWAY_PATH } from '@nomyo/crypto/wire-2'
import {
  attestationPolicy,
  pinnedAk,
  type AttestationResult,
  type TrustAnchor,
} from '@nomyo/attest'
import { AttestationError } from '@nomyo/client'
import { describeOutcome, question, type Scene } from '../scene.js'

/** The Name of a key that no TPM has: an algorithm, SHA-256, and its digest. */
const ANOTHER_KEY = Uint8Array.of(0x00, 0x0b, ...new Uint8Array(32))

/** The evidence of the gateway about its keys and its machine, and a client that requires more. */
export async function showEvidence(scene: Scene, hasTpm: boolean): Promise<void> {
  const { client, output, section } = scene
  section('Evidence: whose key, on which machine')
  const { statement, fingerprint } = await client.chooseWire()
  output.line(`   signer   ${fingerprint}`)
  output.line(`            its key statement is valid until ${timeOf(statement?.notAfter)}`)
  if (hasTpm) await showQuote(scene)
  else output.line('   machine  no evidence: the gateway has no TPM, and swtpm is not installed')
  await showRefusal(scene)
}

async function showQuote({ newClient, model, output, check }: Scene): Promise<void> {
  const results: AttestationResult[] = []
  const client = newClient({
    attestation: {
      policy: policy('none'),
      tier: 'none',
      onResult: ({ result }) => results.push(result),
    },
  })
  await client.create(question(model))
  const statuses = results.flatMap(({ checks }) => checks.map(({ status }) => status))
  const passed = statuses.filter((status) => status === 'pass').length
  output.line('   machine  a quote by a software TPM (swtpm): it shows the steps, but only a')
  output.line('            TPM whose key is pinned or certified says something about a machine')
  check(
    results.length === 2 && !statuses.includes('fail'),
    `quotes over key statement and answer, with fresh nonces: ${String(passed)} checks passed`,
  )
}

async function showRefusal({ newClient, model, tap, output, check }: Scene): Promise<void> {
  const client = newClient({ attestation: { policy: policy([pinnedAk(ANOTHER_KEY)]) } })
  tap.forget()
  const outcome = await client.create(question(model)).catch((error: unknown) => error)
  output.line(`   refusal  ${describeOutcome(outcome)}`)
  check(
    outcome instanceof AttestationError && !tap.recorded.toGateway.includes(`POST ${GATEWAY_PATH}`),
    'a client that requires another TPM sends nothing',
  )
}

const policy = (trust: readonly TrustAnchor[] | 'none') =>
  attestationPolicy({ requiredPcrs: 'sha256:0', trust })

const timeOf = (seconds = 0): string => new Date(seconds * 1000).toISOString()
