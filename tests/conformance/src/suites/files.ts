import type * as Client from '@nomyo/client'
import type * as KnownServers from '@nomyo/client/known-servers'
import type * as Crypto from '@nomyo/crypto'
import type * as KeyFiles from '@nomyo/crypto/keys/node'
import { codeOf, equal, rejectionOf, sameJson, thrownBy, type Case, type Suite } from './case.js'
import type { Loopback } from '../loopback.js'

/** The exports under test where the runtime has files. */
export interface FileLibraries {
  readonly keyFiles: typeof KeyFiles
  readonly knownServers: typeof KnownServers
}

/** Files and folders of a runtime that has them. */
export interface FileSystem extends FileLibraries {
  /** Makes an empty folder and gives its path. */
  readonly makeFolder: () => Promise<string>
  /** Permission bits of a file; undefined where the platform has none. */
  readonly modeOf: (path: string) => Promise<number | undefined>
}

interface Given {
  readonly crypto: typeof Crypto
  readonly client: typeof Client
  readonly loopback: Loopback
  /** A private key to save. */
  readonly pem: string
}

/** Key files and known servers: used where there are files, refused where there are none. */
export function filesSuite(given: Given, files: FileSystem | undefined): Suite {
  return { name: 'files', cases: files === undefined ? refusals(given) : withFiles(given, files) }
}

function refusals({ client, loopback }: Given): Case[] {
  const refuses = (options: Client.SecureChatCompletionOptions): Case['run'] => {
    return async () => {
      const error = await thrownBy(
        () => new client.SecureChatCompletion({ ...reaching(loopback), ...options }),
      )
      equal(codeOf(error, client.InvalidRequestError), 'ERR_INVALID_OPTION')
    }
  }
  return [
    { name: 'refuses a folder of keys', run: refuses({ keyDir: 'keys' }) },
    { name: 'refuses a file of known servers', run: refuses({ knownServers: 'known' }) },
  ]
}

function withFiles(
  given: Given,
  { makeFolder, modeOf, keyFiles, knownServers }: FileSystem,
): Case[] {
  const { crypto, client, loopback, pem } = given
  const password = 'pä55 🔑'
  const saved = async (): Promise<{ folder: string; pair: Crypto.KeyPair }> => {
    const folder = await makeFolder()
    const pair = await crypto.importPrivateKey(pem, { extractable: true })
    await keyFiles.saveKeyPair(folder, pair, { password })
    return { folder, pair }
  }
  return [
    {
      name: 'saves a pair and loads it',
      run: async () => {
        const { folder, pair } = await saved()
        const loaded = await keyFiles.loadKeyPair(folder, { password })
        equal(loaded.publicKey.fingerprint, pair.publicKey.fingerprint)
        equal(loaded.privateKey.extractable, false)
        const mode = await modeOf(`${folder}/private_key.pem`)
        equal(mode ?? 0o600, 0o600)
      },
    },
    {
      name: 'overwrites no key, and makes none in the place of one',
      run: async () => {
        const { folder, pair } = await saved()
        const again = await rejectionOf(keyFiles.saveKeyPair(folder, pair))
        equal(codeOf(again, crypto.SecurityError), 'ERR_KEY_FILE')
        const wrong = await rejectionOf(keyFiles.loadOrCreateKeyPair(folder, { password: 'x' }))
        equal(codeOf(wrong, crypto.SecurityError), 'ERR_KEY_PASSWORD')
      },
    },
    {
      name: 'says that there is no key',
      run: async () => {
        const error = await rejectionOf(keyFiles.loadKeyPair(await makeFolder()))
        equal(codeOf(error, crypto.SecurityError), 'ERR_KEY_FILE')
      },
    },
    {
      name: 'chats with a key of a folder',
      run: async () => {
        const { folder } = await saved()
        const chat = new client.SecureChatCompletion({
          ...reaching(loopback),
          keyDir: folder,
          keyPassword: password,
        })
        const messages = [{ role: 'user' as const, content: 'from a folder' }]
        const completion = await chat.create({ model: 'nomyo/echo', messages })
        equal(completion.choices[0].message.content, 'from a folder')
        chat.dispose()
      },
    },
    {
      name: 'keeps known servers in a file',
      run: async () => {
        const path = `${await makeFolder()}/known_servers`
        const { baseUrl, ...rest } = reaching(loopback)
        const steps = new client.SecureCompletionClient({
          ...rest,
          routerUrl: baseUrl,
          knownServers: path,
        })
        await steps.fetchServerPublicKey()
        steps.dispose()
        const listed = await knownServers.knownServersFile(path).list()
        sameJson(
          listed.map(({ server, fingerprint }) => [server, fingerprint]),
          [[loopback.gateway, loopback.pin]],
        )
      },
    },
  ]
}

const reaching = ({ gateway, apiKey }: Loopback) => ({
  baseUrl: gateway,
  allowHttp: true,
  apiKey,
  maxRetries: 0,
  logger: { warn: () => undefined },
})
