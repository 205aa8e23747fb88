import type { Call } from '../completion/call.js'
import type { ChatCompletion } from '../types/response.js'
import { acceptAnswer } from './accept-answer.js'
import { attemptSealed } from './attempt-sealed.js'
import { MAX_ANSWER_BYTES } from './limits.js'
import { readWhole } from './read-answer.js'
import { completionRoute } from './route-request.js'
import type { Wire2Choice, WireSelection } from './selection.js'

/** Makes one attempt at a whole chat completion. */
export const completeSealed = (
  choice: Wire2Choice,
  call: Call,
  selection: WireSelection,
): Promise<ChatCompletion> =>
  attemptSealed(choice, { ...call, request: completionRoute(call.request) }, selection, {
    maxBytes: MAX_ANSWER_BYTES,
    isSuccess: (status) => status === 200,
    receive: (answer) =>
      readWhole(answer, () => {
        // An engine has worked for it.
        call.settings.progress.isFinal = true
      }),
    accept: (answer, used) => acceptAnswer(answer, used, call, selection),
  })
