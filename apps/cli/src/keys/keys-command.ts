import { join } from 'node:path'
import { saveKeyPair } from '@nomyo/crypto/keys/node'
import { generateKeyPair } from '@nomyo/crypto'
import type { CommandArguments } from '../arguments.js'
import type { Command, CommandContext, OptionSpecs } from '../command.js'
import { EXIT } from '../exit-codes.js'
import { readSecretFile } from '../files.js'
import { jsonText } from '../output.js'
import { homeFolder } from '../settings/home.js'
import { GATEWAY_OPTIONS } from '../settings/settings.js'
import { keysFingerprint } from './fingerprint.js'
import { rotateKeys } from './rotate.js'
import { describeKeys } from './show.js'

const DIR_OPTION: OptionSpecs = {
  dir: { value: 'DIR', isPath: true, about: 'folder of the keys (~/.nomyo/keys)' },
}
const PASSWORD_OPTION: OptionSpecs = {
  'password-file': {
    value: 'FILE',
    isPath: true,
    about: 'file with the password of the private key',
  },
}
const JSON_OPTION: OptionSpecs = { json: { about: 'for programs' } }

/** `nomyo keys …`: key files, as the client (`keyDir`) and the gateway (`--key-dir`) read them. */
export const keysCommand: Command = {
  about: 'makes, shows and replaces key files',
  subcommands: {
    generate: {
      about: 'makes a key pair where there is none',
      options: { ...DIR_OPTION, ...PASSWORD_OPTION, ...JSON_OPTION },
      notes: [
        'The folder is made with mode 0700, the private key with 0600. Nothing is ever overwritten.',
        'Without --password-file the private key is not encrypted.',
      ],
      run: generate,
    },
    show: {
      about: 'what is public about the keys of a folder',
      options: { ...DIR_OPTION, ...PASSWORD_OPTION, ...JSON_OPTION },
      notes: ['With --password-file it also looks whether the two halves belong together.'],
      run: show,
    },
    fingerprint: {
      about: 'the fingerprint of a key file, or of the key a gateway shows',
      operands: '[FILE]',
      maxOperands: 1,
      operandWords: 'paths',
      options: {
        gateway: {
          value: 'URL',
          about: 'the gateway to ask; its key is neither judged nor trusted',
        },
        ...pick(GATEWAY_OPTIONS, ['allow-http']),
        ...PASSWORD_OPTION,
        ...JSON_OPTION,
      },
      run: ({ output }, args) => keysFingerprint(output, args),
    },
    rotate: {
      about: 'makes a new key pair and puts the old one aside',
      options: { ...DIR_OPTION, ...PASSWORD_OPTION, ...JSON_OPTION },
      notes: [
        'The old pair is kept in a folder named after the time, in the folder of the keys. The password',
        'stays the same.',
      ],
      run: rotate,
    },
  },
}

async function generate(context: CommandContext, args: CommandArguments): Promise<number> {
  const { output } = context
  const dir = keyDir(context, args)
  const password = readPassword(args)
  const pair = await output.waiting(
    'making an RSA-4096 key',
    generateKeyPair({ extractable: true }),
  )
  try {
    await saveKeyPair(dir, pair, password)
  } finally {
    pair.privateKey.dispose()
  }
  const { fingerprint } = pair.publicKey
  if (args.flag('json')) output.line(jsonText({ dir, fingerprint }))
  else {
    output.line(fingerprint)
    output.note(`nomyo: written to ${dir}`)
    if (password.password === undefined) {
      output.note('nomyo: the private key is not encrypted; --password-file would have done that')
    }
  }
  return EXIT.ok
}

async function show(context: CommandContext, args: CommandArguments): Promise<number> {
  const { output } = context
  const facts = await describeKeys(keyDir(context, args), readPassword(args))
  if (args.flag('json')) output.line(jsonText(facts))
  else {
    output.line(`folder       ${facts.dir}`)
    output.line(`fingerprint  ${facts.fingerprint}`)
    output.line(`key          RSA, ${String(facts.bits)} bits`)
    output.line(`private key  ${facts.encrypted ? 'encrypted' : 'not encrypted'}, ${facts.halves}`)
    output.line(`written      ${facts.written}`)
    for (const warning of facts.warnings) output.line(output.style.warn(`warning      ${warning}`))
  }
  return EXIT.ok
}

async function rotate(context: CommandContext, args: CommandArguments): Promise<number> {
  const { output } = context
  const rotated = await output.waiting(
    'making an RSA-4096 key',
    rotateKeys(keyDir(context, args), readPassword(args), new Date()),
  )
  if (args.flag('json')) output.line(jsonText(rotated))
  else {
    output.line(rotated.fingerprint)
    output.note(`nomyo: the old pair ${rotated.old} is in ${rotated.asideDir}`)
  }
  return EXIT.ok
}

const keyDir = ({ environment }: CommandContext, args: CommandArguments): string =>
  args.text('dir') ?? join(homeFolder(environment), '.nomyo', 'keys')

function readPassword(args: CommandArguments): { password?: string } {
  const path = args.text('password-file')
  return path === undefined ? {} : { password: readSecretFile(path) }
}

function pick(options: OptionSpecs, names: readonly string[]): OptionSpecs {
  return Object.fromEntries(Object.entries(options).filter(([name]) => names.includes(name)))
}
