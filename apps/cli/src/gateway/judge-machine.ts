import { appraise, type AttestationResult } from '@nomyo/attest'
import { askGateway, type GatewayAnswer } from '../attest/gateway.js'
import { readPolicy } from '../attest/judgement.js'
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
