import { EXIT, UsageError, defineOptions } from '@nomyo-internal/command-line'
import { printableJson } from '@nomyo-internal/diagnostics'
import { importPublicKey, type PublicKey } from '@nomyo/crypto'
import { loadKeyFile } from '@nomyo/crypto/keys/node'
import { readSecretFile } from '../../files.js'
import { fetchServerKey } from '../../gateway/fetch.js'
import { ALLOW_HTTP_OPTION, parseGatewayUrl } from '../../settings/gateway-settings.js'
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
  summary: 'print the fingerprint of a key file, or of the key of a gateway',
  operands: { usage: '[FILE]', words: 'paths' },
  options: defineOptions({
    gateway: {
      value: 'URL',
      summary: 'gateway whose key to fetch; the key is neither verified nor trusted',
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
    const key =
      gateway === undefined
        ? await readKeyFile(file ?? '', passwordFile)
        : await fetchServerKey({ gateway, allowHttp })
    const { fingerprint, bits } = key
    output.line(json ? printableJson({ fingerprint, bits }) : fingerprint)
    return EXIT.ok
  },
})

async function readKeyFile(path: string, passwordFile: string | undefined): Promise<PublicKey> {
  const { pem } = readPem(path)
  if (!pem.includes('PRIVATE KEY-----')) return importPublicKey(pem, { minBits: 2048 })
  const password = passwordFile === undefined ? {} : { password: readSecretFile(passwordFile) }
  return publicHalf(await loadKeyFile(path, password))
}
