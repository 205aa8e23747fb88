import { SecurityError } from '@nomyo/crypto'
import { PROBLEM_TYPES } from '@nomyo/crypto/wire-2'
import { APIConnectionError, APIError } from '@nomyo/transport'
import { isUnexplained, type Call } from '../completion/call.js'
import { checkChoices } from '../completion/read-completion.js'
import { timeStep } from '../completion/step-timer.js'
import type { ChatCompletion } from '../types/response.js'
import { acceptAnswer } from './accept-answer.js'
import { refusalOf, type Refusal } from './refusal.js'
import { sealCompletion } from './seal-completion.js'
import type { Wire2Choice, WireSelection } from './selection.js'
import { sendSealed } from './send-sealed.js'

/**
 * Makes one attempt at a chat completion on wire 2. Every exchange is encrypted under fresh secrets, to
 * which its answer is bound.
 *
 * Once in a call each, the exchange is repeated at once: with a new statement, where the gateway no longer
 * has the keys of the one used; and with the time of the gateway, where the clock of this machine is off.
 */
export async function attemptSealed(
  choice: Wire2Choice,
  call: Call,
  selection: WireSelection,
): Promise<ChatCompletion> {
  const { progress } = call.settings
  try {
    let used = choice
    for (;;) {
      const outcome = await exchange(used, call, selection)
      if ('completion' in outcome) return outcome.completion
      const next = await afterRefusal(outcome, used, call, selection)
      if (next === undefined) throw outcome.error
      used = next
    }
  } catch (error) {
    progress.isFinal ||= !mayBeSentAgain(error)
    if (error instanceof SecurityError || error instanceof APIConnectionError) {
      error.payloadId ??= progress.id
    }
    throw error
  }
}

async function exchange(
  choice: Wire2Choice,
  call: Call,
  selection: WireSelection,
): Promise<{ completion: ChatCompletion } | Refusal> {
  const { context, settings, signal } = call
  const { config, pace } = context
  if (pace) await timeStep('pace', pace.wait(signal), config)
  const sealed = await timeStep('seal', sealCompletion(choice, call), config)
  try {
    const answer = await timeStep('send', sendSealed(sealed, choice, call), config)
    if (answer.status !== 200 || !answer.isSealed) {
      const refusal = refusalOf(answer, settings.progress.id, config)
      if (pace && isUnexplained(refusal.error)) pace.hold(config.log)
      return refusal
    }
    const accepting = acceptAnswer(answer, { choice, enc: sealed.enc }, call, selection)
    const completion = await timeStep('open', accepting, config)
    checkChoices(completion)
    return { completion }
  } finally {
    sealed.dispose()
  }
}

/** Returns the choice for one more exchange after a refusal, if it is worth one. */
async function afterRefusal(
  { error, date }: Refusal,
  used: Wire2Choice,
  call: Call,
  selection: WireSelection,
): Promise<Wire2Choice | undefined> {
  const { progress } = call.settings
  const { log } = call.context.config
  switch (problemOf(error)) {
    case PROBLEM_TYPES.key: {
      // Of a refusal that any party can write, the only use is to ask for the statement again.
      if (error.authenticated || progress.hasRenewed) return undefined
      progress.hasRenewed = true
      const next = await renewed(used, call, selection)
      if (next !== undefined) log.debug('the gateway has new request keys; encrypting again')
      return next
    }
    case PROBLEM_TYPES.date: {
      const theirsMs = Date.parse(date ?? '')
      const isKnown = error.authenticated && !Number.isNaN(theirsMs)
      if (!isKnown || progress.clockOffsetMs !== undefined) return undefined
      progress.clockOffsetMs = theirsMs - Date.now()
      const seconds = String(Math.round(progress.clockOffsetMs / 1000))
      log.debug(`the clock of this machine differs by ${seconds} s; encrypting again`)
      return used
    }
    default:
      return undefined
  }
}

/** Returns undefined where the statement is the same or cannot be fetched: the refusal counts then. */
async function renewed(
  used: Wire2Choice,
  { signal }: Call,
  selection: WireSelection,
): Promise<Wire2Choice | undefined> {
  try {
    if (!(await selection.renew(used.statement.sha256, signal))) return undefined
    const choice = await selection.choose(signal)
    return choice.wire === 2 ? choice : undefined
  } catch (error) {
    // A statement that must not be trusted is the more important error.
    if (error instanceof SecurityError || signal.aborted) throw error
    return undefined
  }
}

/** Returns the type of a problem document (RFC 9457). */
function problemOf({ statusCode, errorDetails }: APIError): unknown {
  if (statusCode !== 400) return undefined
  return (errorDetails as { type?: unknown } | null | undefined)?.type
}

/**
 * Checks for failures after which no engine has worked, or the connection was lost: gateways forbid
 * nothing else to be sent again.
 */
function mayBeSentAgain(error: unknown): boolean {
  if (error instanceof APIError) return error.statusCode === 429 || error.statusCode === 503
  return error instanceof APIConnectionError
}
