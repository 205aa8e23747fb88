import { importPublicKey, type PublicKey } from '@nomyo/crypto'
import { loadKeyFile } from '@nomyo/crypto/keys/node'
import type { CommandArguments } from '../arguments.js'
import { EXIT, UsageError } from '../exit-codes.js'
import { readSecretFile } from '../files.js'
import { fetchShownKey } from '../gateway/ask.js'
import { jsonText, type Output } from '../output.js'
import { canonicalUrl } from '../settings/settings.js'
import { readPem } from './show.js'

/** `nomyo keys fingerprint`: prints it as pins are written. */
export async function keysFingerprint(output: Output, args: CommandArguments): Promise<number> {
  const [file] = args.operands
  const gateway = args.text('gateway')
  if ((file === undefined) === (gateway === undefined)) {
    throw new UsageError('give a key file, or --gateway URL')
  }
  const key =
    gateway === undefined
      ? await keyOfFile(file ?? '', args.text('password-file'))
      : await fetchShownKey({
          gateway: canonicalUrl(gateway),
          allowHttp: args.flag('allow-http'),
        })
  const { fingerprint, bits } = key
  output.line(args.flag('json') ? jsonText({ fingerprint, bits }) : fingerprint)
  return EXIT.ok
}

async function keyOfFile(path: string, passwordFile: string | undefined): Promise<PublicKey> {
  const { pem } = readPem(path)
  if (!pem.includes('PRIVATE KEY-----')) return importPublicKey(pem, { minBits: 2048 })
  const password = passwordFile === undefined ? {} : { password: readSecretFile(passwordFile) }
  const { privateKey, publicKey } = await loadKeyFile(path, password)
  privateKey.dispose()
  return publicKey
}
