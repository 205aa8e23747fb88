import { SecurityError } from '@nomyo/crypto'
import { PROBLEM_TYPES } from '@nomyo/crypto/wire-2'
import { APIConnectionError, APIError } from '@nomyo/transport'
import { isUnexplained, type Call } from '../completion/call.js'
import { timeStep } from '../completion/step-timer.js'
import { readWhole, type OpenAnswer } from './read-answer.js'
import { refusalOf, type Refusal } from './refusal.js'
import type { RouteRequest } from './route-request.js'
import { sealRoute } from './seal-route.js'
import type { Wire2Choice, WireSelection } from './selection.js'
import { sendSealed, type AnswerLimits } from './send-sealed.js'

/** An exchange that a success answers. */
export interface UsedExchange {
  readonly choice: Wire2Choice
  /** The encapsulated secret of the request. */
  readonly enc: Uint8Array
}

/** The use of the answer of a route. */
export interface AnswerUse<Received, Accepted> extends AnswerLimits {
  readonly isSuccess: (status: number) => boolean
  /** Reads as much of the answer as is needed; part of the step `send`. */
  readonly receive: (answer: OpenAnswer) => Promise<Received>
  /** Checks what was received; the step `open`. */
  readonly accept: (received: Received, used: UsedExchange) => Promise<Accepted>
}

/**
 * Makes one attempt at a request on wire 2. Every exchange is encrypted under fresh secrets, to which its
 * answer is bound.
 *
 * Once in a call each, the exchange is repeated at once: with a new statement, where the gateway no longer
 * has the keys of the one used; and with the time of the gateway, where the clock of this machine is off.
 */
export async function attemptSealed<Received, Accepted>(
  choice: Wire2Choice,
  call: Call<RouteRequest>,
  selection: WireSelection,
  use: AnswerUse<Received, Accepted>,
): Promise<Accepted> {
  const { progress } = call.settings
  try {
    let used = choice
    for (;;) {
      const outcome = await exchange(used, call, use)
      if ('accepted' in outcome) return outcome.accepted
      const next = progress.isFinal ? undefined : await afterRefusal(outcome, used, call, selection)
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

async function exchange<Received, Accepted>(
  choice: Wire2Choice,
  call: Call<RouteRequest>,
  use: AnswerUse<Received, Accepted>,
): Promise<{ accepted: Accepted } | Refusal> {
  const { context, settings, signal } = call
  const { config, pace } = context
  if (pace) await timeStep('pace', pace.wait(signal), config)
  const sealed = await timeStep('seal', sealRoute(choice, call), config)
  try {
    const receiving = async (): Promise<{ received: Received } | Refusal> => {
      const answer = await sendSealed(sealed, choice, call, use)
      if (answer.isSealed && use.isSuccess(answer.status)) {
        return { received: await use.receive(answer) }
      }
      const refusal = answer.isSealed ? await readWhole(answer) : answer
      return refusalOf(refusal, settings.progress.id, config)
    }
    const outcome = await timeStep('send', receiving(), config)
    if ('error' in outcome) {
      if (pace && isUnexplained(outcome.error)) pace.hold(config.log)
      return outcome
    }
    const accepting = use.accept(outcome.received, { choice, enc: sealed.enc })
    return { accepted: await timeStep('open', accepting, config) }
  } finally {
    sealed.dispose()
  }
}

/** Returns the choice for one more exchange after a refusal, if it is worth one. */
async function afterRefusal(
  { error, date }: Refusal,
  used: Wire2Choice,
  call: Call<RouteRequest>,
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
  { signal }: Call<RouteRequest>,
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
