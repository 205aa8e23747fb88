import { EXIT, defineOptions, parsedBy, type Command } from '@nomyo-internal/command-line'
import { printable, printableJson } from '@nomyo-internal/diagnostics'
import { knownServersFile } from '@nomyo/client/known-servers'
import { parsePin } from '@nomyo/crypto'
import { CommandError } from '../describe-error.js'
import { fetchServerKey } from '../gateway/fetch.js'
import { confirm } from '../output/confirm.js'
import {
  ALLOW_HTTP_OPTION,
  CONFIG_OPTIONS,
  knownServersPath,
  parseGatewayUrl,
} from '../settings/gateway-settings.js'
import { JSON_OPTION, cliCommand, type CliCall } from './cli-command.js'

const OPTIONS = { ...JSON_OPTION, ...CONFIG_OPTIONS }
const TRUST_OPTIONS = defineOptions({
  fingerprint: {
    value: 'sha256/…',
    summary: 'fingerprint that the key must have, as the operator stated it',
    parse: parsedBy(parsePin, 'must be sha256/ and 44 base64 characters'),
  },
  yes: { summary: 'trust the key without asking' },
  ...ALLOW_HTTP_OPTION,
  ...OPTIONS,
})
const SERVER_OPERAND = {
  usage: 'URL',
  missing: 'give the URL of a gateway',
  min: 1,
  parse: parseGatewayUrl,
}

/** `nomyo servers …`: the trusted keys by server. */
export const serversCommand: Command = {
  summary: 'known servers and their keys: list, trust, forget',
  subcommands: {
    list: cliCommand({ summary: 'list known servers', options: OPTIONS, run: list }),
    trust: cliCommand({
      summary: 'fetch the key of a gateway, and trust it from now on',
      operands: SERVER_OPERAND,
      options: TRUST_OPTIONS,
      notes: [
        'Without --fingerprint the key is as trustworthy as this connection: compare it with the ' +
          'operator. Where another key is known already, only --fingerprint adds one more.',
      ],
      run: trust,
    }),
    forget: cliCommand({
      summary: 'forget all keys of a gateway',
      operands: SERVER_OPERAND,
      options: OPTIONS,
      run: forget,
    }),
  },
}

async function list(call: CliCall<typeof OPTIONS>): Promise<number> {
  const { settings, output } = call
  const path = knownServersPath(call)
  const servers = await knownServersFile(path).list()
  if (settings.values.json) output.line(printableJson(servers))
  else {
    for (const { server, fingerprint, since = '' } of servers) {
      output.line(printable(`${server}  ${fingerprint}  ${since}`).trimEnd())
    }
    if (servers.length === 0) output.note(`nomyo: none yet in ${path}`)
  }
  return EXIT.ok
}

async function trust(call: CliCall<typeof TRUST_OPTIONS>): Promise<number> {
  const { settings, operands, output } = call
  const { allowHttp, fingerprint: expected, json } = settings.values
  const [server = ''] = operands
  const store = knownServersFile(knownServersPath(call))
  const known = await store.fingerprintsOf(server)
  const { fingerprint } = await output.waiting(
    'fetching the server key',
    fetchServerKey({ gateway: server, allowHttp }),
  )
  if (expected !== undefined && expected !== fingerprint) {
    throw new CommandError(
      `${server} shows the key ${fingerprint}, which is not the one you named. Nothing was changed.`,
      EXIT.security,
    )
  }
  const isKnown = known.includes(fingerprint)
  if (!isKnown && expected !== undefined) await store.add(server, fingerprint)
  if (!isKnown && expected === undefined) {
    assertOnlyKey({ server, fingerprint, known })
    await confirmKey(call, { server, fingerprint })
    // Another process may have added a key in the meantime.
    const added = await store.addFirst(server, fingerprint)
    assertOnlyKey({ server, fingerprint, known: added })
  }
  const status = isKnown ? 'known' : 'trusted'
  if (json) output.line(printableJson({ server, fingerprint, status }))
  else output.line(`${status}  ${server}  ${fingerprint}`)
  return EXIT.ok
}

/** Stops where another key is known. @throws CommandError */
function assertOnlyKey(shown: {
  server: string
  fingerprint: string
  known: readonly string[]
}): void {
  const { server, fingerprint, known } = shown
  if (known.length === 0 || known.includes(fingerprint)) return
  throw new CommandError(
    `${server} shows the key ${fingerprint}; known is ${known.join(' or ')}. Ask its operator out of ` +
      'band. If the new one is genuine, name it with --fingerprint; nomyo servers forget removes the ' +
      'old one.',
    EXIT.security,
  )
}

async function confirmKey(
  { settings, output, context }: CliCall<typeof TRUST_OPTIONS>,
  { server, fingerprint }: { server: string; fingerprint: string },
): Promise<void> {
  if (settings.values.yes) return
  output.note(`${server} shows the key`)
  output.note(`  ${fingerprint}`)
  output.note('Compare it with the fingerprint that the operator stated out of band.')
  const alternative = `--fingerprint ${fingerprint} or --yes`
  if (await confirm('Trust it from now on?', alternative, context)) return
  throw new CommandError('Nothing was changed.', EXIT.security)
}

async function forget(call: CliCall<typeof OPTIONS>): Promise<number> {
  const { settings, operands, output } = call
  const [server = ''] = operands
  const forgotten = await knownServersFile(knownServersPath(call)).forget(server)
  if (settings.values.json) output.line(printableJson({ server, forgotten }))
  else if (forgotten > 0) output.line(`forgot ${forgotten} of ${server}`)
  if (forgotten === 0) output.note(`nomyo: no key of ${server} is known`)
  return forgotten > 0 ? EXIT.ok : EXIT.failed
}
