import { KeysFileError, readKeysFile } from '../../access/keys-file.js'
import { lookAtAccess } from '../file-access.js'
import { ok, problem, warning, type Check, type Finding } from '../finding.js'

/** The API keys there are. */
export const apiKeysCheck: Check = {
  name: 'API keys',
  run: async ({ apiKeys, keysFile }) => {
    const given = apiKeys.length === 0 ? [] : [ok(`${apiKeys.length} of --api-key`)]
    if (keysFile === undefined) return given.length > 0 ? given : [ok('none are needed')]
    return [...given, ...(await lookAtFile(keysFile, apiKeys.length === 0))]
  },
}

async function lookAtFile(path: string, isAlone: boolean): Promise<readonly Finding[]> {
  try {
    const { length } = await readKeysFile(path)
    const access = await lookAtAccess(path, { mode: '600', secret: false })
    if (length > 0 || !isAlone) return [ok(`${length} in ${path}`), ...access]
    const add = `nomyo-gateway keys add --keys-file ${path}`
    return [warning(`${path} has no keys, so nobody is let in`, `make one: ${add}`), ...access]
  } catch (error) {
    if (!(error instanceof KeysFileError)) throw error
    return [problem(error.message, 'mend the file; SIGHUP has a running gateway read it again')]
  }
}
