import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { build, type BuildOptions } from 'esbuild'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import * as main from 'nomyo-js'
import * as browser from 'nomyo-js/browser'
import { browserFile } from './page.js'

const packageFolder = join(import.meta.dirname, '..')
const MAX_GZIPPED_BYTES = 63_100

describe('dist/browser/index.js', () => {
  it('exports what the main entry does', () => {
    expect(Object.keys(browser).sort()).toEqual(Object.keys(main).sort())
  })

  it('is small', async () => {
    const bytes = await readFile(browserFile)
    // As the limits of all subpaths are measured.
    const gzippedBytes = gzipSync(bytes, { level: 9 }).length
    console.log(`dist/browser/index.js: ${bytes.length} bytes, ${gzippedBytes} gzipped`)
    expect(gzippedBytes).toBeLessThan(MAX_GZIPPED_BYTES)
  })

  it('imports nothing, and names its version and licence', async () => {
    const { imports } = await bundle({ entryPoints: [browserFile] })
    expect(imports).toEqual([])
    const { version } = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8'))
    const [firstLine] = (await readFile(browserFile, 'utf8')).split('\n')
    expect(firstLine).toBe(`/*! nomyo-js ${version}, Apache-2.0 */`)
  })

  it('warns on the console of plain HTTP, once a client', () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue()
    onTestFinished(() => warn.mockRestore())
    new browser.SecureChatCompletion({ baseUrl: 'http://host.example', allowHttp: true }).dispose()
    expect(warn).toHaveBeenCalledTimes(1)
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('allowHttp'))
  })

  it('is published', async () => {
    const { stdout } = await promisify(execFile)(
      'npm',
      ['pack', '--dry-run', '--json', '--ignore-scripts'],
      { cwd: packageFolder },
    )
    expect(stdout).toContain('"dist/browser/index.js"')
  })
})

describe('an app bundled for browsers', () => {
  it('has nothing of Node and of other projects but for @noble inside', async () => {
    const { code, imports, modules } = await bundle({
      stdin: {
        contents: "import { SecureChatCompletion } from 'nomyo-js'; new SecureChatCompletion()",
        resolveDir: packageFolder,
      },
    })
    expect(imports).toEqual([])
    expect(code).not.toMatch(/\bnode:/)
    expect(modules).toContainEqual(expect.stringMatching(/platform-neutral/))
    expect(modules).not.toContainEqual(expect.stringMatching(/platform-node/))
    // Hashes, and ML-KEM where the browser has none.
    const foreign = modules.filter((path) => /node_modules\/(?!\.pnpm\/|@noble\/)/.test(path))
    expect(foreign).toEqual([])
    // Bundlers take the modules themselves: shared with every other import of them.
    expect(modules).not.toContainEqual(expect.stringMatching(/dist\/browser/))
  })
})

interface Bundle {
  readonly code: string
  readonly imports: readonly string[]
  /** Paths of the modules something was taken from. */
  readonly modules: readonly string[]
}

async function bundle(input: Pick<BuildOptions, 'entryPoints' | 'stdin'>): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    ...input,
    bundle: true,
    format: 'esm',
    platform: 'browser',
    minify: true,
    write: false,
    metafile: true,
    logLevel: 'silent',
  })
  const [output] = Object.values(metafile.outputs)
  return {
    code: outputFiles[0]!.text,
    imports: output!.imports.map(({ path }) => path),
    modules: Object.entries(output!.inputs)
      .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
      .map(([path]) => path),
  }
}
