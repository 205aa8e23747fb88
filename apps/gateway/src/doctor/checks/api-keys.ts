import { ok, problem, warning, type Finding } from '@nomyo-internal/diagnostics'
import { readKeysFile } from '../../access/keys-file.js'
import { checkAccess } from '../file-access.js'
import type { Check } from '../check.js'
import { GatewayError } from '../../errors.js'

/** Checks that the API keys can be read. */
export const apiKeysCheck: Check = {
  name: 'API keys',
  run: async ({ apiKeys, keysFile }) => {
    const given = apiKeys.length === 0 ? [] : [ok(`${apiKeys.length} of --api-key`)]
    if (keysFile === undefined) return given.length > 0 ? given : [ok('none are required')]
    return [...given, ...(await checkFile(keysFile, apiKeys.length === 0))]
  },
}

async function checkFile(path: string, isOnlySource: boolean): Promise<readonly Finding[]> {
  try {
    const { length } = await readKeysFile(path)
    const access = await checkAccess(path, { mode: '600', secret: false })
    if (length > 0 || !isOnlySource) return [ok(`${length} in ${path}`), ...access]
    const add = `nomyo-gateway keys add --keys-file ${path}`
    return [warning(`${path} has no keys: every request is refused`, `add one: ${add}`), ...access]
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    return [problem(error.message, 'fix the file; SIGHUP makes a running gateway reload it')]
  }
}
