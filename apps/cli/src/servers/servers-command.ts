import { parsePin } from '@nomyo/crypto'
import { knownServersFile } from '@nomyo/client/known-servers'
import type { CommandArguments } from '../arguments.js'
import { askPerson } from '../ask-person.js'
import type { Command, CommandContext, OptionSpecs } from '../command.js'
import { DistrustError, EXIT, UsageError } from '../exit-codes.js'
import { fetchShownKey } from '../gateway/ask.js'
import { jsonText, printable } from '../output.js'
import { CONFIG_OPTIONS, canonicalUrl, readKnownServersPath } from '../settings/settings.js'

const OPTIONS: OptionSpecs = { json: { about: 'for programs' }, ...CONFIG_OPTIONS }

/** `nomyo servers …`: the keys that are trusted, by server. */
export const serversCommand: Command = {
  about: 'known servers and their keys: list, trust, forget',
  subcommands: {
    list: { about: 'all that are known', options: OPTIONS, run: list },
    trust: {
      about: 'fetches the key of a gateway and trusts it from now on',
      operands: 'URL',
      maxOperands: 1,
      options: {
        fingerprint: { value: 'sha256/…', about: 'the key it must be, as the operator told you' },
        yes: { about: 'trust whatever key is shown, without asking' },
        'allow-http': { about: 'allow http://, for a gateway on this machine' },
        ...OPTIONS,
      },
      notes: [
        'Without --fingerprint the key is as good as this connection: compare it with the operator.',
        'Where another key is known already, only --fingerprint adds one more.',
      ],
      run: trust,
    },
    forget: {
      about: 'forgets all keys of a gateway',
      operands: 'URL',
      maxOperands: 1,
      options: OPTIONS,
      run: forget,
    },
  },
}

async function list(
  { output, environment }: CommandContext,
  args: CommandArguments,
): Promise<number> {
  const path = readKnownServersPath(args, environment)
  const servers = await knownServersFile(path).list()
  if (args.flag('json')) output.line(jsonText(servers))
  else {
    for (const { server, fingerprint, since = '' } of servers) {
      output.line(printable(`${server}  ${fingerprint}  ${since}`).trimEnd())
    }
    if (servers.length === 0) output.note(`nomyo: none yet in ${path}`)
  }
  return EXIT.ok
}

async function trust(context: CommandContext, args: CommandArguments): Promise<number> {
  const { output, environment } = context
  const server = readServer(args)
  const wanted = readFingerprint(args)
  const store = knownServersFile(readKnownServersPath(args, environment))
  const known = await store.fingerprintsOf(server)
  const { fingerprint } = await output.waiting(
    'fetching the server key',
    fetchShownKey({ gateway: server, allowHttp: args.flag('allow-http') }),
  )
  if (wanted !== undefined && wanted !== fingerprint) {
    throw new DistrustError(
      `${server} shows the key ${fingerprint}, which is not the one you named. Nothing was changed.`,
    )
  }
  const isKnown = known.includes(fingerprint)
  if (!isKnown) {
    if (wanted === undefined) {
      assertOnlyKey({ server, fingerprint, known })
      await confirm(context, args, { server, fingerprint })
      // Somebody may have trusted another one while this was asked.
      const meanwhile = await store.addFirst(server, fingerprint)
      assertOnlyKey({ server, fingerprint, known: meanwhile })
    } else await store.add(server, fingerprint)
  }
  const status = isKnown ? 'known' : 'trusted'
  if (args.flag('json')) output.line(jsonText({ server, fingerprint, status }))
  else output.line(`${status}  ${server}  ${fingerprint}`)
  return EXIT.ok
}

/** @throws DistrustError where another key is known */
function assertOnlyKey(shown: {
  server: string
  fingerprint: string
  known: readonly string[]
}): void {
  const { server, fingerprint, known } = shown
  if (known.length === 0 || known.includes(fingerprint)) return
  throw new DistrustError(
    `${server} shows the key ${fingerprint}; known is ${known.join(' or ')}. Ask its operator, on another ` +
      'way than this connection. If the new one is genuine, name it with --fingerprint; nomyo servers ' +
      'forget takes the old one out.',
  )
}

async function confirm(
  { output }: CommandContext,
  args: CommandArguments,
  { server, fingerprint }: { server: string; fingerprint: string },
): Promise<void> {
  if (args.flag('yes')) return
  output.note(`${server} shows the key`)
  output.note(`  ${fingerprint}`)
  output.note('Compare it with what the operator told you on another way than this connection.')
  const agreed = await askPerson('Trust it from now on?', `--fingerprint ${fingerprint} or --yes`)
  if (!agreed) throw new DistrustError('Nothing was changed.')
}

async function forget(
  { output, environment }: CommandContext,
  args: CommandArguments,
): Promise<number> {
  const server = readServer(args)
  const forgotten = await knownServersFile(readKnownServersPath(args, environment)).forget(server)
  if (args.flag('json')) output.line(jsonText({ server, forgotten }))
  else if (forgotten > 0) output.line(`forgot ${String(forgotten)} of ${server}`)
  if (forgotten === 0) output.note(`nomyo: no key of ${server} is known`)
  return forgotten > 0 ? EXIT.ok : EXIT.failed
}

function readServer({ operands: [url] }: CommandArguments): string {
  if (url === undefined) throw new UsageError('give the URL of a gateway')
  return canonicalUrl(url)
}

function readFingerprint(args: CommandArguments): string | undefined {
  const text = args.text('fingerprint')
  try {
    return text === undefined ? undefined : parsePin(text)
  } catch {
    throw new UsageError('--fingerprint must be sha256/ and 44 base64 characters')
  }
}
