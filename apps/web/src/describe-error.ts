import { PolicyError } from '@nomyo/attest'
import {
  APIConnectionError,
  APIError,
  AttestationError,
  RateLimitError,
  SecurityError,
  ServiceUnavailableError,
} from '@nomyo/client'

/** Description of an error for people. */
export interface ErrorDescription {
  readonly problem: string
  readonly advice: string
  /** For support. */
  readonly code: string
}

type Text = Omit<ErrorDescription, 'code'>

/**
 * Describes an error of the client, and the remedy.
 *
 * @param answerWasAppraised - whether the machine had met the policy before sending, and its answer did not
 */
export function describeError(error: unknown, answerWasAppraised: boolean): ErrorDescription {
  const text = (problem: string, advice: string): Text => ({ problem, advice })
  if (error instanceof AttestationError) {
    const description = answerWasAppraised
      ? text(
          'The answer was discarded: its evidence does not meet your policy.',
          'The machine met it before your message was sent, so it has read the message. If it was ' +
            'restarted meanwhile, send again; otherwise ask its operator.',
        )
      : text(
          'Nothing was sent: the machine does not meet your policy.',
          'See “The machine” for the check that failed, and ask the operator of the gateway.',
        )
    return { ...description, code: error.code }
  }
  if (error instanceof SecurityError) return { ...describeSecurityError(error), code: error.code }
  if (error instanceof APIError) {
    const code = error.sealedError?.code ?? ''
    return { ...describeStatus(error), code: /^[\w.-]+$/.test(code) ? code : error.code }
  }
  if (error instanceof APIConnectionError) {
    return { ...describeConnection(error), code: error.code }
  }
  if (error instanceof PolicyError) {
    return {
      problem: 'Nothing was sent: the chosen policy is unusable, or not read yet.',
      advice:
        'See “The machine”: wait until it is read, choose another file, or remove the policy.',
      code: error.code,
    }
  }
  return {
    problem: 'The page failed with an internal fault.',
    advice: 'Reload it. If that does not help, report what you did.',
    code: error instanceof Error ? error.name : 'unknown',
  }
}

function describeConnection({ code }: APIConnectionError): Text {
  switch (code) {
    case 'ERR_TIMEOUT':
      return {
        problem: 'The answer did not arrive in time.',
        advice: 'Send again, or choose a faster model.',
      }
    case 'ERR_TRUNCATED':
      return {
        problem: 'The answer broke off before its end.',
        advice: 'The text so far is authentic, but not complete. Send again.',
      }
    default:
      return {
        problem: 'The gateway cannot be reached.',
        advice: 'Check that it is running, then send again.',
      }
  }
}

/** Checks whether the request was stopped on this page. */
export const isStopped = (error: unknown): boolean =>
  error instanceof APIConnectionError && error.code === 'ERR_ABORTED'

function describeSecurityError({ code }: SecurityError): Text {
  switch (code) {
    case 'ERR_KEY_MISMATCH':
      return {
        problem:
          'Nothing was sent: the server key is not the one with the fingerprint you entered.',
        advice:
          'Ask the operator for the fingerprint again, out of band. Do not send anything before they match.',
      }
    case 'ERR_SERVER_KEY_CHANGED':
      return {
        problem: 'Nothing more was sent: the server key has changed since this page was opened.',
        advice:
          'Ask the operator whether it was changed on purpose. If so, reload the page and compare the new ' +
          'fingerprint; if not, an attacker may be on the network path.',
      }
    default:
      return {
        problem: 'A key or an answer was invalid, and was not used.',
        advice: 'Sending again does not help. Ask the operator of the gateway.',
      }
  }
}

function describeStatus(error: APIError): Text {
  const { statusCode = 0, retryAfterMs = 0, sealedError } = error
  const delay = retryAfterMs > 0 ? `${Math.ceil(retryAfterMs / 1000)} seconds` : 'a moment'
  const wait = `Wait ${delay}, then send again.`
  // Its message is that of the model server, shortened and without control characters.
  if (sealedError !== undefined) {
    const { code, status } = sealedError
    const advice =
      code === 'context_length_exceeded'
        ? 'Start a new conversation, or send less.'
        : status === 429 || status >= 500
          ? wait
          : 'Change the request, choose another model below, or another tier under “Settings”.'
    return { problem: error.message, advice }
  }
  if (error instanceof RateLimitError) {
    return { problem: 'The gateway accepts no more requests from you for now.', advice: wait }
  }
  if (error instanceof ServiceUnavailableError) {
    return { problem: 'The gateway or its model is busy or unavailable.', advice: wait }
  }
  const known = STATUSES[statusCode]
  if (known !== undefined) return known
  return statusCode >= 500
    ? { problem: 'The gateway could not get an answer from its model.', advice: wait }
    : {
        problem: 'The gateway refused the request.',
        advice: 'Check the model below, and the security tier under “Settings”.',
      }
}

const STATUSES: Readonly<Record<number, Text>> = {
  401: {
    problem: 'The gateway does not accept this API key.',
    advice: 'Enter the key from its operator under “Settings”, then send again.',
  },
  403: {
    problem: 'Your key or the security tier does not allow this model.',
    advice: 'Choose another model below, or another tier under “Settings”.',
  },
  404: {
    problem: 'The gateway does not have this model.',
    advice: 'Choose another model below.',
  },
  413: {
    problem: 'The conversation has become too large for the gateway.',
    advice: 'Start a new conversation, or send less.',
  },
}
