import { appraise, requireTier, type AttestationResult } from '@nomyo/attest'
import type { PublicKey } from '@nomyo/crypto'
import { APIError } from '@nomyo/transport'
import { askGateway, type GatewayAnswer } from '../attest/gateway.js'
import { readPolicy } from '../attest/judgement.js'
import { DistrustError } from '../exit-codes.js'
import type { Settings } from '../settings/settings.js'

/** What a machine showed when asked, and what the policy says of it. */
export interface MachineJudgement {
  readonly result: AttestationResult
  /** The encryption key it vouched for. */
  readonly fingerprint: string
}

/** Has the machine vouch for its key and judges that. @throws as asking a gateway does */
export async function judgeMachine(
  { gateway, allowHttp }: Settings,
  policyPath: string,
): Promise<MachineJudgement> {
  const policy = await readPolicy(policyPath)
  const answer = await askGateway(gateway, allowHttp)
  return { result: await appraiseAnswer(answer, policy), fingerprint: answer.fingerprint }
}

/**
 * Stops at a machine that is not what the policy asks for. Without a policy nothing is asked. An API key
 * must not be sent before.
 *
 * @param key - the server key that is trusted; the machine must vouch for this one
 * @param onResult - told the result, also when it is a bad one
 * @throws AttestationError, DistrustError; else as asking a gateway does
 */
export async function requireMachine(
  settings: Settings,
  key: PublicKey,
  onResult?: (result: AttestationResult) => void,
): Promise<void> {
  const { policy } = settings
  if (policy === undefined) return
  const { result, fingerprint } = await judgeMachine(settings, policy).catch((error: unknown) => {
    if (!isAbsent(error)) throw error
    throw new DistrustError('there is a policy, and the gateway offers no evidence')
  })
  onResult?.(result)
  requireTier(result, 'affirming')
  if (fingerprint !== key.fingerprint) {
    throw new DistrustError('the machine vouches for another key than that of the gateway')
  }
}

/** Whether an error says that a gateway offers no evidence at all. */
export const isAbsent = (error: unknown): boolean =>
  error instanceof APIError && error.statusCode === 404

/** Whether the gateway offers evidence, and of which key. Nothing is judged. */
export async function offeredEvidence({
  gateway,
  allowHttp,
}: Settings): Promise<AttestationResult> {
  const answer = await askGateway(gateway, allowHttp)
  return appraiseAnswer(answer, { requiredPcrs: 'sha256:0', trust: 'none' })
}

const appraiseAnswer = (
  { evidence, nonce, spki }: GatewayAnswer,
  policy: Omit<Parameters<typeof appraise>[1], 'nonce' | 'now'>,
): Promise<AttestationResult> =>
  appraise(evidence, { ...policy, nonce: { nonce, spki }, now: new Date() })
