import { randomBytes } from 'node:crypto'
import {
  EXIT,
  OptionProblem,
  command,
  defineOptions,
  parsedBy,
  wholeNumber,
  type Settings,
} from '@nomyo-internal/command-line'
import { generateApiKey, hashApiKey } from '../access/api-keys/api-key.js'
import { withFileLock } from '../access/api-keys/file-lock.js'
import {
  keyName,
  readKeysFile,
  readKeysFileIfPresent,
  writeKeysFile,
  type ListedKey,
} from '../access/api-keys/keys-file.js'
import { quotaUses } from '../access/quota/quota-counter.js'
import {
  QUOTA_FORM,
  QUOTA_UNITS,
  formatQuota,
  parseQuota,
  type QuotaUnit,
} from '../access/quota/quota.js'
import { readUsage } from '../access/quota/read-usage.js'
import { parseRate } from '../access/rate/rate-limit.js'
import { SECURITY_TIERS, type SecurityTier } from '../access/policy/tier-policy.js'
import { OPTIONS } from '../config/schema.js'
import { GatewayError } from '../errors.js'
import { loggerOf } from '../observability/log.js'
import { RedisConnection } from '../redis/connection.js'
import { RedisError } from '../redis/error-code.js'

const FILE_OPTION = defineOptions({
  keysFile: {
    value: 'FILE',
    summary: 'file of API keys; a gateway with --keys-file reloads it on SIGHUP',
    variable: 'NOMYO_KEYS_FILE',
    isPath: true,
  },
})

const ADD_OPTIONS = defineOptions({
  ...FILE_OPTION,
  name: {
    value: 'NAME',
    summary: 'name of the key',
    defaultSummary: 'a random one',
    parse: (text) => {
      const result = keyName.safeParse(text)
      if (result.success) return text
      throw new OptionProblem(result.error.issues[0]?.message ?? '')
    },
  },
  models: {
    value: 'NAMES',
    summary: 'models that the key permits, separated by commas',
    defaultSummary: 'all',
    parse: names,
  },
  tiers: {
    value: 'TIERS',
    summary: `security tiers that the key permits: ${SECURITY_TIERS.join(', ')}`,
    defaultSummary: 'all',
    parse: parsedBy(
      (text) => {
        const tiers = names(text)
        return tiers.every(isTier) ? tiers : undefined
      },
      `must be among ${SECURITY_TIERS.join(', ')}`,
    ),
  },
  rate: {
    value: 'N/s',
    summary: 'rate limit of this key, instead of --rate-limit',
    parse: parsedBy(parseRate, 'must be a rate such as 2/s, up to 10000/s'),
  },
  burst: {
    value: 'N',
    summary: 'requests allowed in one second of every ten',
    defaultSummary: 'twice the rate',
    parse: wholeNumber(1, 100_000),
  },
  quotaRequests: {
    value: 'N/day',
    summary: 'requests of this key per day or month (UTC), or off, instead of --quota-requests',
    parse: parsedBy(parseQuota, QUOTA_FORM),
  },
  quotaTokens: {
    value: 'N/month',
    summary: 'tokens of this key per day or month (UTC), or off, instead of --quota-tokens',
    parse: parsedBy(parseQuota, QUOTA_FORM),
  },
})

/** `nomyo-gateway keys add`. The file receives a salted hash of the key only. */
export const addCommand = command({
  summary: 'create an API key and print it once',
  options: ADD_OPTIONS,
  run: async ({ settings, context }) => {
    const keysFile = fileOf(settings)
    const { name = `key-${randomBytes(4).toString('hex')}`, models, tiers, rate } = settings.values
    const { burst = 2 * (rate ?? 0) } = settings.values
    const { quotaRequests: requests, quotaTokens: tokens } = settings.values
    if (rate === undefined && burst > 0) throw settings.mistake('burst', 'needs --rate')
    if (rate !== undefined && burst < rate) {
      throw settings.mistake('burst', 'must not be less than --rate')
    }
    const key = generateApiKey()
    const describe = (salt: Uint8Array | undefined): ListedKey => ({
      name,
      created: new Date().toISOString(),
      ...hashApiKey(key, salt),
      ...(models === undefined ? {} : { models }),
      ...(tiers === undefined ? {} : { tiers }),
      ...(rate === undefined ? {} : { rateLimit: { perSecond: rate, burst } }),
      ...(requests === undefined && tokens === undefined ? {} : { quotas: { requests, tokens } }),
    })
    await withFileLock(keysFile, async () => {
      const keys = (await readKeysFileIfPresent(keysFile)) ?? []
      if (keys.some((other) => other.name === name)) {
        throw failure(`${keysFile} has a key of this name; revoke it first.`)
      }
      await writeKeysFile(keysFile, [...keys, describe(keys.at(-1)?.salt)])
    })
    context.stdout.write(`${key}\n`)
    return EXIT.ok
  },
})

/** `nomyo-gateway keys list`. */
export const listCommand = command({
  summary: 'list the API keys of a file',
  options: {
    ...FILE_OPTION,
    redis: {
      ...OPTIONS.redis,
      summary: 'Redis of the gateways, to show how much of each quota is used',
      defaultSummary: 'limits only',
    },
  },
  run: async ({ settings, context }) => {
    const keys = await readKeysFile(fileOf(settings))
    const { redis } = settings.values
    const usage = redis === undefined ? noUsage : await usageOf(keys, redis, context.stderr)
    context.stdout.write(keys.map((key) => formatKey(key, usage)).join(''))
    return EXIT.ok
  },
})

/** Returns the used amount of a quota, if it is known. */
type Usage = (key: string, unit: QuotaUnit) => number | undefined

const noUsage: Usage = () => undefined

/** Reads the used part of the quotas that the file has. Without an answer of Redis, the list has the limits. */
async function usageOf(
  keys: readonly ListedKey[],
  url: string,
  stderr: NodeJS.WritableStream,
): Promise<Usage> {
  const uses = keys.flatMap(({ name, quotas }) => quotaUses(name, { own: quotas }, Date.now()))
  const redis = await RedisConnection.open(url, { logger: loggerOf(stderr) })
  try {
    const used = await readUsage(redis, uses)
    const byQuota = new Map(uses.map(({ key, unit }, at) => [`${key} ${unit}`, used[at]]))
    return (key, unit) => byQuota.get(`${key} ${unit}`)
  } catch (error) {
    if (!(error instanceof RedisError)) throw error
    return noUsage
  } finally {
    redis.close()
  }
}

/** `nomyo-gateway keys revoke`. */
export const revokeCommand = command({
  summary: 'remove an API key from a file',
  options: FILE_OPTION,
  operands: { usage: 'NAME', min: 1, max: 1, missing: 'name the key to revoke: NAME' },
  run: async ({ settings, operands: [name] }) => {
    const keysFile = fileOf(settings)
    await withFileLock(keysFile, async () => {
      const keys = await readKeysFile(keysFile)
      const left = keys.filter((key) => key.name !== name)
      if (left.length === keys.length) throw failure(`${keysFile} has no key of this name.`)
      await writeKeysFile(keysFile, left)
    })
    return EXIT.ok
  },
})

function fileOf(settings: Settings<typeof FILE_OPTION>): string {
  const { keysFile } = settings.values
  if (keysFile !== undefined) return keysFile
  throw settings.mistake('keysFile', 'is required')
}

const failure = (message: string): GatewayError => new GatewayError('ERR_API_KEYS_FILE', message)

function names(text: string): string[] {
  const list = text.split(',').map((name) => name.trim())
  if (list.includes('')) throw new OptionProblem('must be names, separated by commas')
  return list
}

const isTier = (name: string): name is SecurityTier =>
  (SECURITY_TIERS as readonly string[]).includes(name)

const formatKey = (
  { name, created, models, tiers, rateLimit, quotas }: ListedKey,
  usage: Usage,
): string =>
  [
    name,
    created,
    `models=${models?.join(',') ?? 'all'}`,
    `tiers=${tiers?.join(',') ?? 'all'}`,
    `rate=${rateLimit === undefined ? 'default' : `${rateLimit.perSecond}/s,burst ${rateLimit.burst}`}`,
    ...QUOTA_UNITS.map((unit) => {
      const quota = quotas?.[unit]
      const used = usage(name, unit)
      const text = quota === undefined ? 'default' : formatQuota(quota)
      return `quota-${unit}=${text}${used === undefined ? '' : `,used ${used}`}`
    }),
  ].join('\t') + '\n'
