import { defineOptions, parsedBy, type Call } from '@nomyo-internal/command-line'
import { JSON_OPTION } from '../cli-command.js'
import { SOURCE_OPTIONS } from './evidence-source.js'
import { EXPECTATION_OPTIONS } from './expectation.js'

/** Options of `nomyo attest verify`. */
export const VERIFY_OPTIONS = defineOptions({
  policy: { value: 'FILE', summary: 'policy to appraise with', isPath: true },
  ...JSON_OPTION,
  ...SOURCE_OPTIONS,
  eventLog: {
    value: 'FILE',
    summary: 'log of the firmware (binary_bios_measurements), replayed to the quoted PCRs',
    isPath: true,
  },
  imaLog: {
    value: 'FILE',
    summary: 'IMA log (ascii_runtime_measurements), replayed to PCR 10',
    isPath: true,
  },
  previous: {
    value: 'FILE',
    summary: 'earlier --json result: the machine must not have restarted since',
    isPath: true,
  },
  now: {
    value: 'TIME',
    summary: 'time at which certificates are verified',
    parse: parsedBy((text) => {
      const time = new Date(text)
      return Number.isNaN(time.getTime()) ? undefined : time
    }, 'must be a time such as 2026-11-21T12:00:00Z'),
  },
  ...EXPECTATION_OPTIONS,
  request: {
    value: 'FILE',
    summary: 'JSON of the request, to compare with the receipt',
    isPath: true,
    group: 'Receipts',
  },
  answer: {
    value: 'FILE',
    summary: 'JSON of the answer, to compare with the receipt',
    isPath: true,
    group: 'Receipts',
  },
})

/** One call of `nomyo attest verify`. */
export type VerifyCall = Call<typeof VERIFY_OPTIONS>
