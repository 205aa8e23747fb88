import type { WireAnswer } from './worker.js'
import type { Input } from './requests.js'

const REFUSALS = [400, 401, 403, 404, 405, 408, 409, 413, 415, 417, 421, 431]
const SUCCESS_TYPES =
  /^(?:application\/octet-stream|application\/json|text\/plain)(?:; charset=utf-8)?$/

/** Describes a fault in the answers to an input; undefined where there is none. */
export function faultOf(input: Input, answers: readonly WireAnswer[]): string | undefined {
  const [first] = answers
  if (first === undefined) return input.framing === 'one' ? 'no answer' : undefined
  if (input.framing === 'one' && answers.length > 1) return 'two answers to one request'
  if (input.status !== undefined && first.status !== input.status) {
    return `${first.status} instead of ${input.status}: ${first.body}`
  }
  return answers.map((answer) => faultOfAnswer(input, answer)).find((fault) => fault !== undefined)
}

function faultOfAnswer(
  { isHead }: Input,
  { status, headers, body }: WireAnswer,
): string | undefined {
  const type = headers.get('content-type') ?? ''
  if (status === 304) return undefined
  if (status === 200) return SUCCESS_TYPES.test(type) ? undefined : `a success of type ${type}`
  if (!REFUSALS.includes(status)) return `status ${status}: ${body}`
  if (isHead === true) return undefined
  if (type !== 'application/json; charset=utf-8') return `a refusal of type ${type}`
  return isRefusal(body) ? undefined : `no refusal: ${body}`
}

function isRefusal(body: string): boolean {
  try {
    const value = JSON.parse(body) as { detail?: unknown }
    return (
      ['detail', 'detail,error', 'detail,sealed_error'].includes(Object.keys(value).join()) &&
      typeof value.detail === 'string'
    )
  } catch {
    return false
  }
}
