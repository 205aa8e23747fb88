import { PolicyError } from '@nomyo/attest'
import {
  APIConnectionError,
  APIError,
  AttestationError,
  RateLimitError,
  SecurityError,
  ServiceUnavailableError,
} from '@nomyo/client'

/** A fault in plain words. */
export interface Fault {
  readonly what: string
  /** What to do about it. */
  readonly advice: string
  /** For whoever is asked for help. */
  readonly code: string
}

/**
 * @param answerWasJudged - whether the machine had passed before sending, so that it was the answer that
 * failed
 */
export function explainFault(error: unknown, answerWasJudged: boolean): Fault {
  if (error instanceof AttestationError) return ofAttestation(error, answerWasJudged)
  if (error instanceof SecurityError) return { ...ofSecurity(error), code: error.code }
  if (error instanceof APIError) return { ...ofStatus(error), code: error.code }
  if (error instanceof APIConnectionError) return { ...ofConnection(error), code: error.code }
  if (error instanceof PolicyError) {
    return {
      what: 'Nothing was sent: the policy that was chosen cannot be used, or not yet.',
      advice:
        'See “The machine”: wait until it is read, choose another file, or forget the policy.',
      code: error.code,
    }
  }
  return {
    what: 'The page has made a mistake.',
    advice: 'Reload it. If that does not help, report what you did.',
    code: error instanceof Error ? error.name : 'unknown',
  }
}

/** Whether it was the person who ended it. */
export const isStop = (error: unknown): boolean =>
  error instanceof APIConnectionError && error.code === 'ERR_ABORTED'

function ofAttestation({ code }: AttestationError, answerWasJudged: boolean): Fault {
  return answerWasJudged
    ? {
        what: 'The answer was thrown away: its evidence does not meet your policy.',
        advice:
          'The machine had passed before your message was sent, so it has read the message. If it was ' +
          'restarted meanwhile, send again; otherwise ask its operator.',
        code,
      }
    : {
        what: 'Nothing was sent: the machine does not meet your policy.',
        advice: 'See “The machine” for the check that failed, and ask the operator of the gateway.',
        code,
      }
}

type Words = Omit<Fault, 'code'>

function ofSecurity({ code }: SecurityError): Words {
  switch (code) {
    case 'ERR_KEY_MISMATCH':
      return {
        what: 'Nothing was sent: the server key is not the one you compared it with.',
        advice:
          'Ask the operator for the fingerprint again, on another way than this page. Do not send ' +
          'anything before they match.',
      }
    case 'ERR_SERVER_KEY_CHANGED':
      return {
        what: 'Nothing more was sent: the server key has changed since this page was opened.',
        advice:
          'Ask the operator whether it was changed on purpose. If so, reload the page and compare the new ' +
          'fingerprint; if not, somebody may be in between.',
      }
    default:
      return {
        what: 'A key or an answer was not as it must be, and was not used.',
        advice: 'Trying again is no help. Ask the operator of the gateway.',
      }
  }
}

function ofStatus(error: APIError): Words {
  const seconds = Math.ceil((error.retryAfterMs ?? 0) / 1000)
  const wait =
    seconds > 0 ? `Wait ${seconds} seconds, then send again.` : 'Wait a little, then send again.'
  if (error instanceof RateLimitError) {
    return { what: 'The gateway takes no more requests from you for now.', advice: wait }
  }
  if (error instanceof ServiceUnavailableError) {
    return { what: 'The gateway or its model is busy or away.', advice: wait }
  }
  const status = error.statusCode ?? 0
  switch (status) {
    case 401:
      return {
        what: 'The gateway does not accept this API key.',
        advice: 'Enter the key its operator gave you under “Settings”, then send again.',
      }
    case 403:
      return {
        what: 'Your key or the security tier does not allow this model.',
        advice: 'Choose another model or tier under “Settings”.',
      }
    case 404:
      return {
        what: 'The gateway does not know this model.',
        advice: 'Choose another model under “Settings”.',
      }
    case 413:
      return {
        what: 'The conversation has become too large for the gateway.',
        advice: 'Start a new conversation, or send less.',
      }
  }
  return status >= 500
    ? { what: 'The gateway could not get an answer from its model.', advice: wait }
    : {
        what: 'The gateway did not take the request.',
        advice: 'Check model and security tier under “Settings”.',
      }
}

function ofConnection({ code }: APIConnectionError): Words {
  return code === 'ERR_TIMEOUT'
    ? { what: 'There was no answer in time.', advice: 'Send again, or choose a quicker model.' }
    : {
        what: 'The gateway cannot be reached.',
        advice: 'Check that it is running, then send again.',
      }
}
