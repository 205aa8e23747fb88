import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Finding } from '@nomyo-internal/diagnostics'
import type { GatewayConfig } from '../config/config.js'
import { parseModelLocation } from '../upstreams/embedded/file/model-location.js'
import { checkAccess, type Access } from './file-access.js'

/** A file or folder that keys, trust or settings come from, and the access rights that it should have. */
interface TrustedFile extends Access {
  readonly path: string
}

const SECRET: Access = { mode: '600', secret: true }
/** A user who can change the file decides whom the gateway trusts; reading it tells nothing. */
const PUBLIC: Access = { mode: '644', secret: false }

/** Checks the access rights of every file that a gateway trusts, as its start and the doctor do. */
export async function checkTrustedFiles(config: GatewayConfig): Promise<readonly Finding[]> {
  const files = [...(await keyFiles(config)), ...ownFiles(config), ...otherFiles(config)]
  return (await Promise.all(files.map(({ path, ...access }) => checkAccess(path, access)))).flat()
}

/** Checks the files that no other check of the doctor covers. */
export async function checkOtherFiles(config: GatewayConfig): Promise<readonly Finding[]> {
  const checks = otherFiles(config).map(({ path, ...access }) => checkAccess(path, access))
  return (await Promise.all(checks)).flat()
}

/** Lists the folder of the server keys, and the private keys in it. */
async function keyFiles({ keyDir }: GatewayConfig): Promise<readonly TrustedFile[]> {
  if (keyDir === undefined) return []
  const names = await readdir(keyDir).catch(() => [])
  const folders = ['', ...names.filter((name) => /^key-\d+$/.test(name))]
  return [
    { path: keyDir, mode: '700', secret: false },
    ...folders.map((folder) => ({ path: join(keyDir, folder, 'private_key.pem'), ...SECRET })),
    ...names
      .filter((name) => /^identity_key(?:-\d+)?\.pem$/.test(name))
      .map((name) => ({ path: join(keyDir, name), ...SECRET })),
  ]
}

const ownFiles = ({ keysFile, tls }: GatewayConfig): readonly TrustedFile[] => [
  ...(keysFile === undefined ? [] : [{ path: keysFile, mode: '600', secret: false } as const]),
  ...(tls === undefined ? [] : [{ path: tls.keyFile, ...SECRET }]),
]

function otherFiles({ keys, tls, engine, sources = [] }: GatewayConfig): readonly TrustedFile[] {
  const upstreams =
    engine.kind === 'upstreams' ? engine.upstreams : engine.kind === 'openai' ? [engine] : []
  const model = engine.kind === 'model' ? parseModelLocation(engine.model) : undefined
  const cas = upstreams.map(({ caFile }) => caFile)
  return [
    ...present([keys?.passwordFile]).map((path) => ({ path, ...SECRET })),
    ...sources.map(({ path, isSecret }) => ({ path, ...(isSecret ? SECRET : PUBLIC) })),
    ...present([tls?.certFile, ...cas, model?.kind === 'file' ? model.path : undefined]).map(
      (path) => ({ path, ...PUBLIC }),
    ),
  ]
}

const present = (paths: readonly (string | undefined)[]): readonly string[] => [
  ...new Set(paths.filter((path) => path !== undefined)),
]
