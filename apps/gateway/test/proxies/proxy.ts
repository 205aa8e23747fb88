import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Agent, fetch as undiciFetch, type RequestInit } from 'undici'
import { expect, onTestFinished } from 'vitest'
import { freePort, makeCa, missingPrograms, temporaryFolder } from '@nomyo-internal/testing'

/** The proxies with an example config; tests run each of them where it is installed. */
export const PROXIES = ['nginx', 'haproxy'] as const
export type ProxyName = (typeof PROXIES)[number]

/** A proxy that runs, with its example config before two gateways. */
export interface Proxy {
  readonly url: string
  /** A fetch that trusts the certificate of the proxy, on connections of its own. */
  fetchFrom(address?: string): typeof fetch
  /** Its output so far. */
  output(): string
  /** Changes its config and makes it reload. */
  reconfigure(change: (config: string) => string): Promise<void>
}

/** Reports whether everything that the tests of a proxy need is installed. */
export const canRun = (name: ProxyName): boolean =>
  missingPrograms([name, 'redis-server', 'openssl']).length === 0

/** Starts a proxy for the time of one test, before gateways on these ports of loopback. */
export async function testProxy(name: ProxyName, ports: readonly [number, number]): Promise<Proxy> {
  const folder = temporaryFolder()
  const port = await freePort()
  const { cert, key } = makeCa(folder, 'gateway', 'IP:127.0.0.1')
  const certificate = await readFile(cert, 'utf8')
  await writeFile(join(folder, 'gateway.pem'), certificate + (await readFile(key, 'utf8')))
  let config = replaceAll(await readFile(EXAMPLES[name], 'utf8'), {
    '10.0.0.11:12435': `127.0.0.1:${ports[0]}`,
    '10.0.0.12:12435': `127.0.0.1:${ports[1]}`,
    ...ADDRESSES[name](folder, port),
  })
  await writeFile(join(folder, 'example'), config)
  if (name === 'nginx') await writeFile(join(folder, 'main'), nginxMain(folder))
  const [command, ...args] = COMMANDS[name](folder)
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  }
  const ended = once(child, 'exit')
  const agents: Agent[] = []
  onTestFinished(async () => {
    child.kill('SIGTERM')
    // Idle connections may keep it.
    const lastResort = setTimeout(() => child.kill('SIGKILL'), 5000)
    await Promise.all(agents.map((agent) => agent.destroy()))
    await ended
    clearTimeout(lastResort)
  })
  const proxy: Proxy = {
    url: `https://127.0.0.1:${port}`,
    output: () => output,
    fetchFrom: (address = '127.0.0.1') => {
      const agent = new Agent({ localAddress: address, connect: { ca: certificate } })
      agents.push(agent)
      return ((url: string, init: RequestInit) =>
        undiciFetch(url, { ...init, dispatcher: agent })) as unknown as typeof fetch
    },
    reconfigure: async (change) => {
      config = change(config)
      await writeFile(join(folder, 'example'), config)
      child.kill('SIGHUP')
    },
  }
  const ask = proxy.fetchFrom()
  const status = (): Promise<number> =>
    ask(`${proxy.url}/ready`).then(
      (response) => response.status,
      () => 0,
    )
  await expect.poll(status, { timeout: 10_000, message: `${name}: ${output}` }).toBe(200)
  return proxy
}

const EXAMPLES: Record<ProxyName, string> = {
  nginx: fileURLToPath(new URL('../../examples/nginx.conf', import.meta.url)),
  haproxy: fileURLToPath(new URL('../../examples/haproxy.cfg', import.meta.url)),
}

const ADDRESSES: Record<ProxyName, (folder: string, port: number) => Record<string, string>> = {
  nginx: (folder, port) => ({
    'listen 443': `listen 127.0.0.1:${port}`,
    '/etc/nginx/tls/gateway.crt': join(folder, 'gateway.crt'),
    '/etc/nginx/tls/gateway.key': join(folder, 'gateway.key'),
  }),
  haproxy: (folder, port) => ({
    'bind :443': `bind 127.0.0.1:${port}`,
    '/etc/haproxy/tls/gateway.pem': join(folder, 'gateway.pem'),
  }),
}

const COMMANDS: Record<ProxyName, (folder: string) => [string, ...string[]]> = {
  nginx: (folder) => ['nginx', '-p', folder, '-c', join(folder, 'main'), '-g', 'daemon off;'],
  haproxy: (folder) => ['haproxy', '-db', '-f', join(folder, 'example')],
}

/** The main config of a distribution, in a folder that needs no privileges. */
function nginxMain(folder: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${join(folder, name)};`)
    .join(' ')
  return `
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    worker_processes 2;
    pid ${join(folder, 'pid')};
    error_log stderr;
    events {}
    http { ${temporary} access_log off; include ${join(folder, 'example')}; }`
}

/** Each must be there, or the test would run something else than the example. */
function replaceAll(text: string, replacements: Readonly<Record<string, string>>): string {
  return Object.entries(replacements).reduce((result, [from, to]) => {
    expect(result.split(from), from).toHaveLength(2)
    return result.replace(from, to)
  }, text)
}
