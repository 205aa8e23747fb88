import { join } from 'node:path'
import { EXIT, defineOptions, type Command } from '@nomyo-internal/command-line'
import { printableJson } from '@nomyo-internal/diagnostics'
import { generateKeyPair } from '@nomyo/crypto'
import { saveKeyPair } from '@nomyo/crypto/keys/node'
import { readSecretFile } from '../../files.js'
import { homeFolder } from '../../settings/home.js'
import { JSON_OPTION, cliCommand, type CliCall } from '../cli-command.js'
import { describeKeys } from './describe-keys.js'
import { PASSWORD_OPTION, fingerprintCommand } from './fingerprint.js'
import { rotateKeys } from './rotate.js'

const OPTIONS = defineOptions({
  dir: {
    value: 'DIR',
    summary: 'folder of the keys',
    defaultSummary: '~/.nomyo/keys',
    isPath: true,
  },
  ...PASSWORD_OPTION,
  ...JSON_OPTION,
})

/** `nomyo keys …`: key files, as the client (`keyDir`) and the gateway (`--key-dir`) read them. */
export const keysCommand: Command = {
  summary: 'generate, show and rotate key files',
  subcommands: {
    generate: cliCommand({
      summary: 'generate a key pair',
      options: OPTIONS,
      notes: [
        'The folder gets mode 0700, the private key 0600. No file is ever overwritten. Without ' +
          '--password-file the private key is not encrypted.',
      ],
      run: generate,
    }),
    show: cliCommand({
      summary: 'show the public facts about the keys of a folder',
      options: OPTIONS,
      notes: ['With --password-file it also checks that both halves belong together.'],
      run: show,
    }),
    fingerprint: fingerprintCommand,
    rotate: cliCommand({
      summary: 'generate a new key pair, and set the old one aside',
      options: OPTIONS,
      notes: [
        'The old pair moves to a folder named after the time, inside the folder of the keys. The ' +
          'password stays the same.',
      ],
      run: rotate,
    }),
  },
}

type KeysCall = CliCall<typeof OPTIONS>

async function generate(call: KeysCall): Promise<number> {
  const { settings, output } = call
  const dir = keyDir(call)
  const password = readPassword(call)
  const pair = await output.waiting(
    'generating an RSA-4096 key',
    generateKeyPair({ extractable: true }),
  )
  try {
    await saveKeyPair(dir, pair, password)
  } finally {
    pair.privateKey.dispose()
  }
  const { fingerprint } = pair.publicKey
  if (settings.values.json) output.line(printableJson({ dir, fingerprint }))
  else {
    output.line(fingerprint)
    output.note(`nomyo: written to ${dir}`)
    if (password.password === undefined) {
      output.note('nomyo: the private key is not encrypted; --password-file encrypts it')
    }
  }
  return EXIT.ok
}

async function show(call: KeysCall): Promise<number> {
  const { settings, output } = call
  const facts = await describeKeys(keyDir(call), readPassword(call))
  if (settings.values.json) output.line(printableJson(facts))
  else {
    output.line(`folder       ${facts.dir}`)
    output.line(`fingerprint  ${facts.fingerprint}`)
    output.line(`key          RSA, ${facts.bits} bits`)
    output.line(`private key  ${facts.encrypted ? 'encrypted' : 'not encrypted'}, ${facts.halves}`)
    output.line(`written      ${facts.written}`)
    for (const warning of facts.warnings) output.line(output.style.warn(`warning      ${warning}`))
  }
  return EXIT.ok
}

async function rotate(call: KeysCall): Promise<number> {
  const { settings, output } = call
  const rotated = await output.waiting(
    'generating an RSA-4096 key',
    rotateKeys(keyDir(call), readPassword(call), new Date()),
  )
  if (settings.values.json) output.line(printableJson(rotated))
  else {
    output.line(rotated.fingerprint)
    output.note(`nomyo: the old pair ${rotated.old} is in ${rotated.asideDir}`)
  }
  return EXIT.ok
}

const keyDir = ({ settings, context }: KeysCall): string =>
  settings.values.dir ?? join(homeFolder(context.environment), '.nomyo', 'keys')

function readPassword({ settings }: KeysCall): { password?: string } {
  const { passwordFile } = settings.values
  return passwordFile === undefined ? {} : { password: readSecretFile(passwordFile) }
}
