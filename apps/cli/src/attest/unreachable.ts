import { APIConnectionError, APIError } from '@nomyo/transport'
import { ATTEST_EXIT, UsageError } from '../exit-codes.js'
import { oneLine } from '../output.js'

/** Runs what may ask a gateway; one that does not answer is no verdict on it, and has its own exit code. */
export async function reportUnreachable(work: () => Promise<number>): Promise<number> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof UsageError) throw error
    if (error instanceof APIError && error.code === 'ERR_INVALID_OPTION') {
      throw new UsageError(error.message.replace('baseUrl', 'the URL').replace(/\.$/, ''))
    }
    if (error instanceof APIError && error.statusCode === 404) {
      return say('the gateway offers no evidence: it has no TPM configured, or is an older one')
    }
    if (error instanceof APIError || error instanceof APIConnectionError) {
      return say(`the gateway could not be asked: ${error.message} (${error.code})`)
    }
    return say('the gateway did not answer as one does')
  }
}

function say(text: string): number {
  process.stderr.write(`nomyo: ${oneLine(text)}\n`)
  return ATTEST_EXIT.unreachable
}
