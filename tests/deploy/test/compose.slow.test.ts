import { readFile } from 'node:fs/promises'
import { get } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import process from 'node:process'
import { freePort, shared, startProgram, temporaryFolder, until } from '@nomyo-internal/testing'
import { startGatewayProcess } from '@nomyo-internal/testing/gateway-process'
import { describe, expect, it, onTestFinished } from 'vitest'
import { parse } from 'yaml'
import { deployFolder, memberFolder, validators } from '../src/validators.js'

/** The part of `ajv` that is used: it is not installed here. */
interface AjvModule {
  readonly Ajv: new (options: object) => {
    compile(schema: object): ((value: unknown) => boolean) & { errors?: unknown }
  }
}

const SECRET = 'a-secret-of-the-test'
const files = { gateway: await load('gateway.yaml'), openWebui: await load('open-webui.yaml') }

/** Reads a file with the values of `.env` in it. */
async function load(name: string, env: Readonly<Record<string, string>> = {}) {
  const text = await readFile(join(deployFolder, 'compose', name), 'utf8')
  const filled = text.replace(
    /(?<!\$)\$\{(\w+)(?::([-?])([^}]*))?\}/g,
    (_, variable: string, sign: string | undefined, rest = '') =>
      env[variable] ?? (sign === '-' ? rest : SECRET),
  )
  return parse(filled)
}

describe('compose files', () => {
  it.runIf(validators)('are accepted by the schema of Compose', async () => {
    const { Ajv } = createRequire(join(validators!, 'package.json'))('ajv') as AjvModule
    // The copy of a linter; its name of the draft is not the one that ajv knows.
    const path = join(validators!, 'node_modules/dclint/schemas/compose.schema.json')
    const schema = JSON.parse(await readFile(path, 'utf8'))
    const validate = new Ajv({ strict: false, validateFormats: false }).compile({
      ...schema,
      $schema: undefined,
    })
    for (const file of Object.values(files))
      expect([validate(file), validate.errors]).toEqual([true, null])
    const wrong = { services: { gateway: { image: 'nomyo-gateway', read_ony: true } } }
    expect(validate(wrong)).toBe(false)
  })

  it('start nothing without secrets', async () => {
    for (const name of ['gateway.yaml', 'open-webui.yaml']) {
      const text = await readFile(join(deployFolder, 'compose', name), 'utf8')
      const secrets = [...text.matchAll(/\$\{\w*(?:KEY|PASSWORD|TOKEN)\b([^}]*)\}/g)]
      expect(secrets.length).toBeGreaterThan(1)
      for (const [, rest] of secrets) expect(rest).toMatch(/^:\?./)
    }
  })

  it('restrict our containers, and give them time for answers in flight', () => {
    for (const service of [files.gateway.services.gateway, files.openWebui.services.proxy]) {
      expect(service).toMatchObject({
        stop_grace_period: '690s',
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        ulimits: { core: 0 },
      })
    }
  })

  it('publish ports on loopback only, and none of those that serve plaintext', () => {
    const published = Object.values(files).flatMap((file) =>
      Object.entries<{ ports?: string[] }>(file.services).flatMap(([name, { ports = [] }]) =>
        ports.map((port) => [name, port]),
      ),
    )
    expect(published).toEqual([
      ['gateway', '127.0.0.1:12435:12435'],
      ['open-webui', '127.0.0.1:3000:8080'],
    ])
  })

  it('leave no way out for what sees plaintext and needs none', () => {
    const { services, networks } = files.gateway
    for (const name of ['redis', 'ollama']) {
      expect(services[name].networks.map((network: string) => networks[network])).toEqual([
        { internal: true },
      ])
    }
    expect(files.openWebui.networks.plaintext).toEqual({ internal: true })
  })

  it('name services, networks and volumes that exist', () => {
    for (const { services, networks, volumes } of Object.values(files)) {
      for (const service of Object.values<ReturnType<typeof JSON.parse>>(services)) {
        const mounts = (service.volumes ?? []).map((mount: string) => mount.split(':')[0])
        expect(Object.keys(volumes)).toEqual(expect.arrayContaining(mounts))
        expect(Object.keys(networks)).toEqual(expect.arrayContaining(service.networks))
        for (const [name, { condition }] of Object.entries<{ condition: string }>(
          service.depends_on ?? {},
        )) {
          expect([condition, services[name]?.healthcheck ?? services[name]?.build]).toEqual([
            'service_healthy',
            expect.anything(),
          ])
        }
      }
    }
  })

  it('give the gateway settings that it accepts', async () => {
    const { environment } = files.gateway.services.gateway
    const main = join(memberFolder, '../../apps/gateway/dist/main.js')
    const env = { ...environment, NOMYO_KEY_DIR: temporaryFolder() }
    const { code, stdout } = await startProgram(process.execPath, [main, '--print-config'], { env })
      .ended
    expect(code).toBe(0)
    expect(parse(stdout)).toMatchObject({
      upstream: ['http://ollama:11434/v1'],
      apiKey: ['(not shown)'],
      redis: '(not shown)',
      keyDir: env.NOMYO_KEY_DIR,
      requestKeys: 'redis',
      drainDelay: '3s',
    })
    // The password has no place in a config file; request keys in Redis need it.
    const { NOMYO_KEY_PASSWORD: password, ...others } = env
    expect([password, Object.keys(others).length]).toEqual([SECRET, 6])
  })
})

describe('the proxy beside Open WebUI', () => {
  const gateway = shared(() =>
    startGatewayProcess({ args: ['--engine', 'demo', '--api-key', SECRET] }),
  )

  it('answers it under its name, and others not', async () => {
    const { services } = await load('open-webui.yaml', { NOMYO_BASE_URL: gateway().url })
    const { OPENAI_API_BASE_URL: address, OPENAI_API_KEY: token } =
      services['open-webui'].environment
    const { hostname, pathname, port: imagePort } = new URL(address)
    const image = await readFile(join(deployFolder, 'Containerfile'), 'utf8')
    expect(image).toContain(` NOMYO_PROXY_PORT=${imagePort} `)
    const port = await freePort()
    const env = {
      ...services.proxy.environment,
      NOMYO_PROXY_HOST: '127.0.0.1',
      NOMYO_PROXY_PORT: String(port),
      NOMYO_PROXY_ALLOW_HTTP: 'true',
      NOMYO_PROXY_KNOWN_SERVERS: join(temporaryFolder(), 'known_servers'),
    }
    const main = join(memberFolder, '../../apps/proxy/bin/nomyo-proxy.js')
    const proxy = startProgram(process.execPath, [main], { env })
    onTestFinished(() => proxy.stop().then(() => undefined))
    const ask = (name: string) => statusOf(port, `${pathname}/models`, name, token)
    await until(
      async () => (await ask(`${hostname}:${port}`)) === 200,
      () => proxy.output(),
    )
    expect(await ask(`other:${port}`)).toBe(403)
    expect(await statusOf(port, `${pathname}/models`, hostname, 'another-token-of-16')).toBe(401)
  })
})

/** Asks with a Host header, which `fetch` does not let programs set. */
const statusOf = (port: number, path: string, host: string, token: string) =>
  new Promise<number | undefined>((resolve) => {
    const headers = { host, authorization: `Bearer ${token}` }
    get({ host: '127.0.0.1', port, path, headers }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode))
    }).on('error', () => resolve(undefined))
  })
