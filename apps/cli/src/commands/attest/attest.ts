import type { Command } from '@nomyo-internal/command-line'
import { inspectCommand } from './inspect.js'
import { policyInitCommand } from './policy-init.js'
import { verifyCommand } from './verify.js'

/** `nomyo attest …`: TPM evidence and its worth. */
export const attestCommand: Command = {
  summary: 'verify what the machine of a gateway booted, by TPM evidence',
  subcommands: {
    inspect: inspectCommand,
    verify: verifyCommand,
    policy: {
      summary: 'record the state of a machine as a policy, with policy init',
      subcommands: { init: policyInitCommand },
    },
  },
}
