import { EXIT, defineOptions, parsedBy } from '@nomyo-internal/command-line'
import { printableJson } from '@nomyo-internal/diagnostics'
import { knownServersFile } from '@nomyo/client/known-servers'
import { parsePin } from '@nomyo/crypto'
import { CommandError } from '../../describe-error.js'
import { confirm } from '../../output/confirm.js'
import {
  ALLOW_HTTP_OPTION,
  CONFIG_OPTIONS,
  knownServersPath,
} from '../../settings/gateway-settings.js'
import { JSON_OPTION, cliCommand, type CliCall } from '../cli-command.js'
import { SERVER_OPERAND } from './server-operand.js'
import { chooseKeys } from './shown-keys.js'

const OPTIONS = defineOptions({
  fingerprint: {
    value: 'sha256/…',
    summary: 'fingerprint that the key must have, as the operator published it',
    parse: parsedBy(parsePin, 'must be sha256/ and 44 base64 characters'),
  },
  yes: { summary: 'trust the key without asking' },
  ...ALLOW_HTTP_OPTION,
  ...JSON_OPTION,
  ...CONFIG_OPTIONS,
})

/** `nomyo servers trust`: records the key that a gateway shows. */
export const trustCommand = cliCommand({
  summary: 'fetch the key of a gateway, and trust it from now on',
  operands: SERVER_OPERAND,
  options: OPTIONS,
  notes: [
    'Without --fingerprint, the key is as trustworthy as this connection: compare it with the ' +
      'operator. If another key is known already, only --fingerprint adds one more.',
    'The key is the identity key of wire 2, if the gateway offers wire 2; --fingerprint can also name the ' +
      'server key of wire 1, which then vouches for the identity key at the first request.',
  ],
  run: trust,
})

async function trust(call: CliCall<typeof OPTIONS>): Promise<number> {
  const { settings, operands, output } = call
  const { allowHttp, fingerprint: expected, json } = settings.values
  const [server = ''] = operands
  const store = knownServersFile(knownServersPath(call))
  const known = await store.fingerprintsOf(server)
  const { fingerprint, keys } = await output.waiting(
    'fetching the server key',
    chooseKeys({ gateway: server, allowHttp }, expected),
  )
  const isKnown = known.includes(fingerprint)
  if (!isKnown && expected !== undefined) await store.addKeys(server, keys)
  if (!isKnown && expected === undefined) {
    assertOnlyKey({ server, fingerprint, known })
    await confirmKey(call, { server, fingerprint })
    // Another process may have added a key in the meantime.
    const added = await store.addKeys(server, keys, { onlyFirst: true })
    assertOnlyKey({ server, fingerprint, known: added.map((one) => one.fingerprint) })
  }
  const status = isKnown ? 'known' : 'trusted'
  const [{ wire = 1 } = {}] = keys
  if (json) output.line(printableJson({ server, fingerprint, wire, status }))
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
    `${server} shows the key ${fingerprint}; the known key is ${known.join(' or ')}. Ask its operator out of ` +
      'band. If the new key is genuine, confirm it with --fingerprint; nomyo servers forget removes the ' +
      'old one.',
    EXIT.security,
  )
}

async function confirmKey(
  { settings, output, context }: CliCall<typeof OPTIONS>,
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
