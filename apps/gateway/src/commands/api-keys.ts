import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { UsageError } from '../config/options/usage-error.js'
import { parseRateLimit, type RateLimit } from '../access/rate-limit.js'
import { SECURITY_TIERS } from '../access/security-tier.js'
import { generateApiKey, hashApiKey } from '../access/api-key.js'
import { withFileLock } from '../access/file-lock.js'
import {
  KEY_NAME_RULE,
  KeysFileError,
  isKeyName,
  readKeysFile,
  readKeysFileIfAny,
  writeKeysFile,
  type ListedKey,
} from '../access/keys-file.js'

const HELP = `nomyo-gateway keys: makes, lists and revokes API keys in a file.

Usage
  nomyo-gateway keys add --keys-file FILE [--name NAME] [--models A,B] [--tiers standard,high]
                         [--rate 2/s] [--burst 4]
  nomyo-gateway keys list --keys-file FILE
  nomyo-gateway keys revoke NAME --keys-file FILE

add prints the new key, once: the file holds a salted hash only. A gateway that runs with --keys-file
FILE reads it again on SIGHUP. NOMYO_KEYS_FILE stands for --keys-file.
`

/**
 * `nomyo-gateway keys …`.
 *
 * @returns what goes to standard output
 * @throws UsageError, KeysFileError
 */
export async function keysCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const { values, positionals } = parse(args)
  const [action, name, ...rest] = positionals
  if (values.help === true) return HELP
  const path = values['keys-file'] ?? environment['NOMYO_KEYS_FILE'] ?? ''
  const isAdd = action === 'add'
  if (!isAdd && Object.keys(values).some((flag) => flag !== 'keys-file')) {
    throw new UsageError('only --keys-file is for keys list and keys revoke.')
  }
  if (rest.length > 0 || (name !== undefined && action !== 'revoke')) {
    throw new UsageError(`keys ${isAdd ? 'add' : 'list'} takes options only.`)
  }
  if (!['add', 'list', 'revoke'].includes(action ?? '')) {
    throw new UsageError('keys takes add, list or revoke NAME.')
  }
  if (path === '') throw new UsageError('keys needs --keys-file FILE.')
  if (isAdd) return add(path, values)
  if (action === 'list') return (await readKeysFile(path)).map(line).join('')
  if (name === undefined) throw new UsageError('keys revoke needs the NAME of the key.')
  return revoke(path, name)
}

interface AddOptions {
  readonly name?: string | undefined
  readonly models?: string | undefined
  readonly tiers?: string | undefined
  readonly rate?: string | undefined
  readonly burst?: string | undefined
}

function parse(args: readonly string[]): {
  values: AddOptions & { 'keys-file'?: string | undefined; help?: boolean | undefined }
  positionals: string[]
} {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        'keys-file': { type: 'string' },
        name: { type: 'string' },
        models: { type: 'string' },
        tiers: { type: 'string' },
        rate: { type: 'string' },
        burst: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch {
    throw new UsageError(
      'keys takes --keys-file FILE, and keys add --name, --models, --tiers, --rate and --burst with a value each.',
    )
  }
}

async function add(path: string, options: AddOptions): Promise<string> {
  const name = options.name ?? `key-${randomBytes(4).toString('hex')}`
  if (!isKeyName(name)) throw new UsageError(`--name ${KEY_NAME_RULE}.`)
  const models = listOf('models', options.models)
  const tiers = listOf('tiers', options.tiers)
  if (tiers?.every((tier) => (SECURITY_TIERS as readonly string[]).includes(tier)) === false) {
    throw new UsageError(`--tiers must be of ${SECURITY_TIERS.join(', ')}.`)
  }
  const rateLimit = readRateLimit(options)
  const key = generateApiKey()
  const listed: ListedKey = {
    name,
    created: new Date().toISOString(),
    ...hashApiKey(key),
    ...(models === undefined ? {} : { models }),
    ...(tiers === undefined ? {} : { tiers }),
    ...(rateLimit === undefined ? {} : { rateLimit }),
  }
  await withFileLock(path, async () => {
    const keys = await readKeysFileIfAny(path)
    if (keys.some((other) => other.name === name)) {
      throw new KeysFileError(`${path} has a key of this name; revoke it first`)
    }
    await writeKeysFile(path, [...keys, listed])
  })
  return `${key}\n`
}

async function revoke(path: string, name: string): Promise<string> {
  await withFileLock(path, async () => {
    const keys = await readKeysFile(path)
    const left = keys.filter((key) => key.name !== name)
    if (left.length === keys.length) throw new KeysFileError(`${path} has no key of this name`)
    await writeKeysFile(path, left)
  })
  return ''
}

function readRateLimit({ rate, burst }: AddOptions): RateLimit | undefined {
  if (rate === undefined && burst === undefined) return undefined
  const limit = parseRateLimit(rate ?? '', burst)
  if (limit !== undefined) return limit
  throw new UsageError('--rate must be such as 2/s, and --burst a number, not less.')
}

function listOf(flag: string, text: string | undefined): string[] | undefined {
  const names = text?.split(',').map((name) => name.trim())
  if (names?.includes('') === true) {
    throw new UsageError(`--${flag} must be names, separated by commas.`)
  }
  return names
}

const line = ({ name, created, models, tiers, rateLimit }: ListedKey): string =>
  [
    name,
    created,
    `models=${models?.join(',') ?? 'all'}`,
    `tiers=${tiers?.join(',') ?? 'all'}`,
    `rate=${rateLimit === undefined ? 'default' : `${rateLimit.perSecond}/s,burst ${rateLimit.burst}`}`,
  ].join('\t') + '\n'
