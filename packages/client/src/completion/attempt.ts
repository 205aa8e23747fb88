import { abortable, startDeadline } from '@nomyo/transport'
import { loadAppraisal } from '../attestation/load-appraisal.js'
import type { ChatCompletion } from '../types/response.js'
import type { Call, CallSettings, ClientContext } from './call.js'
import { prepareReceipts } from './receipt.js'
import type { SplitRequest } from './seal-request.js'
import { timeChoice } from './step-timer.js'
import type { Wires } from './wires.js'

/** The parts of a client, with its wires. */
export interface SessionContext extends ClientContext {
  readonly wires: Wires
}

/** Makes one attempt at a chat completion: choose the wire, encrypt, send, decrypt, check. */
export async function attemptCompletion(
  request: SplitRequest,
  context: SessionContext,
  settings: CallSettings,
): Promise<ChatCompletion> {
  const deadline = startDeadline(settings.timeoutMs, [settings.stop])
  const call: Call = { request, context, settings, signal: deadline.signal }
  try {
    const { wires, config, attestation } = context
    const choosing = abortable(wires.choose(deadline.signal), deadline.signal)
    const [choice] = await Promise.all([
      timeChoice(choosing, config),
      prepareReceipts(config),
      attestation && loadAppraisal(),
    ])
    if (choice.wire === 1) return await (await wires.loadWire1()).attempt(call)
    const { completeSealed, selection } = await wires.loadWire2()
    return await completeSealed(choice, call, selection)
  } finally {
    deadline.clear()
  }
}
