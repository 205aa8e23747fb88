import { ok, problem, warning, type Finding } from '@nomyo-internal/diagnostics'
import type { ApiKey } from '../../access/api-keys/api-key.js'
import { readKeysFile } from '../../access/api-keys/keys-file.js'
import { checkAccess } from '../file-access.js'
import type { Check } from '../check.js'
import type { GatewayConfig } from '../../config/config.js'
import { GatewayError } from '../../errors.js'

/** Checks that the API keys can be read, and that their quotas are counted where they last. */
export const apiKeysCheck: Check = {
  name: 'API keys',
  run: async (config) => {
    const { apiKeys = [], keysFile } = config
    const given = apiKeys.length === 0 ? [] : [ok(`${apiKeys.length} of --api-key`)]
    if (keysFile === undefined) {
      if (given.length === 0) return [ok('none are required')]
      return [...given, ...checkQuotas([], config)]
    }
    return [...given, ...(await checkFile(keysFile, config))]
  },
}

async function checkFile(path: string, config: GatewayConfig): Promise<readonly Finding[]> {
  try {
    const keys = await readKeysFile(path)
    const others = [
      ...(await checkAccess(path, { mode: '600', secret: false })),
      ...checkQuotas(keys, config),
    ]
    if (keys.length > 0 || config.apiKeys !== undefined)
      return [ok(`${keys.length} in ${path}`), ...others]
    const add = `nomyo-gateway keys add --keys-file ${path}`
    return [warning(`${path} has no keys: every request is refused`, `add one: ${add}`), ...others]
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    return [problem(error.message, 'fix the file; SIGHUP makes a running gateway reload it')]
  }
}

function checkQuotas(
  keys: readonly Pick<ApiKey, 'quotas'>[],
  { quotas, redis }: GatewayConfig,
): readonly Finding[] {
  const all = [quotas, ...keys.map((key) => key.quotas)].flatMap((some) =>
    Object.values(some ?? {}),
  )
  if (all.every((quota) => quota === undefined || quota === 'off')) return []
  if (redis !== undefined) return [ok('quotas are counted in Redis')]
  return [
    warning(
      'quotas are counted in this process: a restart resets them, and each replica grants the whole quota',
      'set --redis if that matters',
    ),
  ]
}
