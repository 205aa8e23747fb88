import { EXIT, UsageError, defineOptions } from '@nomyo-internal/command-line'
import { printableJson } from '@nomyo-internal/diagnostics'
import { importPublicKey, type PublicKey } from '@nomyo/crypto'
import { loadKeyFile } from '@nomyo/crypto/keys/node'
import type { KeyStatement } from '@nomyo/crypto/wire-2'
import { readSecretFile } from '../../files.js'
import { fetchServerKey } from '../../gateway/fetch.js'
import { fetchKeyStatement } from '../../gateway/key-statement.js'
import type { Output } from '../../output/output.js'
import {
  ALLOW_HTTP_OPTION,
  parseGatewayUrl,
  type GatewayAddress,
} from '../../settings/gateway-settings.js'
import { JSON_OPTION, cliCommand } from '../cli-command.js'
import { publicHalf, readPem } from './describe-keys.js'

/** Option of commands that read private keys. */
export const PASSWORD_OPTION = {
  passwordFile: {
    value: 'FILE',
    summary: 'file with the password of the private key',
    isPath: true,
  },
} as const

/** `nomyo keys fingerprint`: prints it in the form of pins. */
export const fingerprintCommand = cliCommand({
  summary: 'print the fingerprint of a key file, or of the keys of a gateway',
  operands: { usage: '[FILE]', words: 'paths' },
  options: defineOptions({
    gateway: {
      value: 'URL',
      summary: 'gateway whose keys to fetch; they are neither verified nor trusted',
      parse: parseGatewayUrl,
    },
    ...ALLOW_HTTP_OPTION,
    ...PASSWORD_OPTION,
    ...JSON_OPTION,
  }),
  run: async ({ settings, operands: [file], output }) => {
    const { gateway, allowHttp, passwordFile, json } = settings.values
    if ((file === undefined) === (gateway === undefined)) {
      throw new UsageError('give a key file, or --gateway URL')
    }
    if (gateway !== undefined) {
      showGateway(output, await fetchShownKeys({ gateway, allowHttp }), json)
      return EXIT.ok
    }
    const { fingerprint, bits } = await readKeyFile(file ?? '', passwordFile)
    output.line(json ? printableJson({ fingerprint, bits }) : fingerprint)
    return EXIT.ok
  },
})

/** Keys that a gateway shows, of both wires. */
interface ShownKeys {
  readonly key: PublicKey
  /** Undefined where it offers no wire 2. */
  readonly statement: KeyStatement | undefined
}

async function fetchShownKeys(address: GatewayAddress): Promise<ShownKeys> {
  const statement = await fetchKeyStatement(address)
  return { key: await fetchServerKey(address), statement }
}

function showGateway({ line }: Output, { key, statement }: ShownKeys, json: boolean): void {
  const { fingerprint, bits } = key
  if (statement === undefined) {
    line(json ? printableJson({ fingerprint, bits }) : fingerprint)
    return
  }
  const { identities, sha256 } = statement
  if (json) line(printableJson({ fingerprint, bits, identities, statement_sha256: sha256 }))
  else {
    line(`${fingerprint}  server key, for wire 1`)
    for (const identity of identities) line(`${identity}  identity key, for wire 2`)
  }
}

async function readKeyFile(path: string, passwordFile: string | undefined): Promise<PublicKey> {
  const { pem } = readPem(path)
  if (!pem.includes('PRIVATE KEY-----')) return importPublicKey(pem, { minBits: 2048 })
  const password = passwordFile === undefined ? {} : { password: readSecretFile(passwordFile) }
  return publicHalf(await loadKeyFile(path, password))
}
