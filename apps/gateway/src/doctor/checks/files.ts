import { ok } from '@nomyo-internal/diagnostics'
import type { Check } from '../check.js'
import { checkOtherFiles } from '../trusted-files.js'

/** Checks the access rights of the config file, passwords, certificates and CAs. */
export const filesCheck: Check = {
  name: 'files',
  run: async (config) => {
    const findings = await checkOtherFiles(config)
    return findings.length > 0
      ? findings
      : [ok('other users of this machine can neither change these files nor read secrets')]
  },
}
