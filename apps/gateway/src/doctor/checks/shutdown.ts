import { ok, warning, type Finding } from '@nomyo-internal/diagnostics'
import { drainTimeoutMs, longestAnswerMs } from '../../config/drain-timeout.js'
import type { Check } from '../check.js'

/** Checks that a shutdown waits for the slowest answer, and says for how long. */
export const shutdownCheck: Check = {
  name: 'shutdown',
  run: (config) => {
    const drainMs = drainTimeoutMs(config)
    const answerMs = longestAnswerMs(config)
    const totalSeconds = Math.ceil(((config.drainDelayMs ?? 0) + drainMs) / 1000)
    const finding: Finding =
      drainMs < answerMs
        ? warning(
            `requests in flight have ${drainMs / 1000} seconds to finish, but an upstream may take ${answerMs / 1000}`,
            'omit --drain-timeout, or shorten totalMs of the timeouts of the upstreams',
          )
        : ok(`takes up to ${totalSeconds} seconds; the service manager must wait that long`)
    return Promise.resolve([finding])
  },
}
