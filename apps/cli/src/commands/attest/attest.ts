import type { Command } from '@nomyo-internal/command-line'
import { inspectCommand } from './inspect.js'
import { policyInitCommand } from './policy-init.js'
import { verifyCommand } from './verify.js'

/** `nomyo attest …`: TPM evidence and its worth. */
export const attestCommand: Command = {
  summary: 'inspect and verify TPM evidence, record a policy',
  subcommands: {
    inspect: inspectCommand,
    verify: verifyCommand,
    policy: {
      summary: 'init records a policy',
      subcommands: { init: policyInitCommand },
    },
  },
}
