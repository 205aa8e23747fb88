import {
  cp,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  readlink,
  realpath,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { startProgram, type Program } from '@nomyo-internal/testing/program'
import { deployFolder } from './validators.js'

/** A user that is not in any image. */
export const IMAGE_USER = 65_532

/** A registry that does not answer fails a build within its time. */
const NPM_SETTINGS = 'prefer-offline=true\nfetch-retries=1\nfetch-timeout=15000\n'

/** The part of an image that describes the program that it starts. */
export interface ImageConfig {
  readonly User: string
  readonly Env: readonly string[]
  readonly Entrypoint: readonly string[]
  readonly Healthcheck: { readonly Test: readonly string[] }
  readonly Volumes: Readonly<Record<string, unknown>>
}

/** A container of an image, with the network of this machine. */
export interface Container {
  /** Starts its program as the image says. */
  start(args: readonly string[], env?: Readonly<Record<string, string>>): Program
  /** Runs the health check of the image and returns its exit code. */
  health(env?: Readonly<Record<string, string>>): Promise<number | null>
}

/** Images that are built from the Containerfile, and a store for them. */
export interface Images {
  /** Builds a target of the Containerfile from packed packages. */
  build(target: string, tarballs: string): Promise<ImageConfig>
  run(target: string): Promise<Container>
  stop(): Promise<void>
}

/**
 * Opens a store of images with bases in place of those that the Containerfile names, which no registry
 * of this machine has: Node and its libraries, and npm with a shell where packages are installed.
 */
export async function openImages(): Promise<Images> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'nomyo-images-')))
  const store = ['--root', join(folder, 'root'), '--runroot', join(folder, 'run')]
  // Roots of containers are mounted below it.
  const env = { TMPDIR: folder }
  const running = new Set<Program>()
  const buildah = (...words: readonly string[]): Program => {
    const program = startProgram('buildah', [...store, '--storage-driver', 'vfs', ...words], {
      env,
    })
    running.add(program)
    void program.ended.then(() => running.delete(program))
    return program
  }
  const run = async (...words: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await buildah(...words).ended
    if (code !== 0) throw new Error(`buildah ${words.join(' ')}: ${stderr}${stdout}`)
    return stdout.trim()
  }
  const configs = new Map<string, ImageConfig>()

  /** Makes an image of files, and runs commands of buildah on it before. */
  const makeBase = async (name: string, fill: (root: string) => Promise<void>): Promise<void> => {
    const container = await run('from', 'scratch')
    const root = await run('mount', container)
    await mkdir(join(root, 'tmp'), { mode: 0o1777 })
    await mkdir(join(root, 'etc'))
    const users = `root:x:0:0::/root:/bin/sh\nnonroot:x:${String(IMAGE_USER)}:${String(IMAGE_USER)}::/tmp:/bin/false\n`
    await writeFile(join(root, 'etc/passwd'), users)
    await fill(root)
    await run('umount', container)
    await run('commit', '--quiet', '--rm', container, name)
  }

  await makeBase('localhost/runtime', (root) =>
    copyProgram(process.execPath, root, '/nodejs/bin/node'),
  )
  const npm = await npmSettings()
  await makeBase('localhost/node', async (root) => {
    await copyProgram(process.execPath, root, '/usr/local/bin/node')
    await copyProgram('/bin/sh', root, '/bin/sh')
    await copyProgram('/usr/bin/env', root, '/usr/bin/env')
    await symlink('/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm'))
    const certificates = npm.cafile === undefined ? '' : await readFile(npm.cafile)
    await writeFile(join(root, 'etc/ca.crt'), certificates)
    const cafile = npm.cafile === undefined ? '' : 'cafile=/etc/ca.crt\n'
    await mkdir(join(root, 'root'))
    await writeFile(join(root, 'root/.npmrc'), `registry=${npm.registry}\n${NPM_SETTINGS}${cafile}`)
  })

  return {
    build: async (target, tarballs) => {
      const bases = { NODE_IMAGE: 'localhost/node', RUNTIME_IMAGE: 'localhost/runtime' }
      const empty = await mkdtemp(join(folder, 'context-'))
      await run(
        ...['build', '--isolation', 'chroot', '--format', 'docker', '--network', 'host'],
        ...Object.entries(bases).flatMap(([name, image]) => ['--build-arg', `${name}=${image}`]),
        ...['--volume', `${npm.folder}:/npm:ro`, '--volume', `${npm.cache}:/root/.npm`],
        ...['--build-context', `pack=${tarballs}`],
        ...['--target', target, '--tag', `localhost/${target}`],
        ...['--file', join(deployFolder, 'Containerfile'), empty],
      )
      const words = ['inspect', '--type', 'image', `localhost/${target}`]
      const config = (JSON.parse(await run(...words)) as { Docker: { config: ImageConfig } }).Docker
      configs.set(target, config.config)
      return config.config
    },
    run: async (target) => {
      const { Entrypoint, Healthcheck } = configs.get(target) ?? { Entrypoint: [] }
      const container = await run('from', `localhost/${target}`)
      const within = (command: readonly string[], env: Readonly<Record<string, string>>): Program =>
        buildah(
          ...['run', '--isolation', 'chroot'],
          ...Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
          ...[container, '--', ...command],
        )
      return {
        start: (args, env = {}) => within([...Entrypoint, ...args], env),
        health: async (env = {}) =>
          (await within(Healthcheck?.Test.slice(1) ?? [], env).ended).code,
      }
    },
    stop: async () => {
      const ending = [...running].map((program) => {
        program.kill('SIGKILL')
        return program.ended
      })
      await endProcessesBelow(folder)
      await Promise.all(ending)
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/**
 * Ends processes whose root is below a folder: those in containers of builds and tests that failed or ran
 * out of time, which outlive the program that started them.
 */
async function endProcessesBelow(folder: string): Promise<void> {
  const isBelow = async (pid: string): Promise<boolean> =>
    (await readlink(`/proc/${pid}/root`).catch(() => '')).startsWith(`${folder}/`)
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  for (const pid of pids) {
    if (!(await isBelow(pid))) continue
    try {
      process.kill(Number(pid), 'SIGKILL')
    } catch {
      // It ended by itself.
    }
  }
}

/** Copies a program and the libraries that it loads. */
async function copyProgram(program: string, root: string, path: string): Promise<void> {
  const { stdout } = await startProgram('ldd', [program]).ended
  const libraries = [...stdout.matchAll(/(\/\S+\.so\S*) \(/g)].map(([, library = '']) => library)
  const files = libraries.map((library): [string, string] => [library, join(root, library)])
  for (const [from, to] of [[program, join(root, path)] as const, ...files]) {
    await mkdir(dirname(to), { recursive: true })
    await cp(await realpath(from), to)
  }
}

/** The npm of this machine, and how it reaches the registry. */
async function npmSettings(): Promise<{
  folder: string
  cache: string
  registry: string
  cafile: string | undefined
}> {
  const get = async (name: string): Promise<string> =>
    (await startProgram('npm', ['config', 'get', name]).ended).stdout.trim()
  const root = (await startProgram('npm', ['root', '--global']).ended).stdout.trim()
  const cafile = await get('cafile')
  return {
    folder: await realpath(join(root, 'npm')),
    cache: await get('cache'),
    registry: await get('registry'),
    cafile: cafile === '' || cafile === 'null' ? undefined : cafile,
  }
}
