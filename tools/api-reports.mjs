// Writes down the public surface, one file for every public subpath, or says where it is not as written.
// Run after a build: node tools/api-reports.mjs [--check]
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { argv } from 'node:process'
import { pathToFileURL } from 'node:url'
import {
  CompilerState,
  Extractor,
  ExtractorConfig,
  ExtractorLogLevel,
} from '@microsoft/api-extractor'
import { publicSubpaths, readPublished, typesFor } from './workspace.mjs'

/**
 * Writes the reports of everything published below `root`.
 *
 * @param {string} root
 * @param {string} folder
 */
export function writeReports(root, folder) {
  mkdirSync(folder, { recursive: true })
  const configs = readPublished(root).flatMap((member) => configsOf(member, folder))
  const [first, ...others] = configs
  if (first === undefined) return
  // All of them in one program: it is the compiler that takes the time.
  const compilerState = CompilerState.create(first, {
    additionalEntryPoints: others.map(({ mainEntryPointFilePath }) => mainEntryPointFilePath),
  })
  for (const config of configs) {
    Extractor.invoke(config, {
      compilerState,
      localBuild: true,
      messageCallback: (message) => {
        message.handled = message.logLevel !== ExtractorLogLevel.Error
      },
    })
  }
}

/**
 * Where two folders of reports differ.
 *
 * @param {string} written
 * @param {string} now
 * @returns {string[]}
 */
export function reportFindings(written, now) {
  const names = new Set([written, now].flatMap((folder) => readdirSync(folder)))
  return [...names].sort().flatMap((name) => {
    const [before, after] = [written, now].map((folder) => linesOf(join(folder, name)))
    if (before === undefined) return [`${name} is missing`]
    if (after === undefined) return [`${name} is of no public subpath`]
    const gone = before.filter((line) => !after.includes(line)).map((line) => `- ${line}`)
    const come = after.filter((line) => !before.includes(line)).map((line) => `+ ${line}`)
    const isSame = before.join('\n') === after.join('\n')
    return isSame ? [] : [`${name} is not what is exported:`, ...gone, ...come]
  })
}

/**
 * @param {import('./workspace.mjs').Member} member
 * @param {string} reportFolder
 * @returns {ExtractorConfig[]}
 */
function configsOf({ folder, manifest }, reportFolder) {
  return publicSubpaths(manifest).flatMap(([subpath, target]) => {
    const types = typesFor(target)
    if (types === undefined) return []
    const name = manifest.name + subpath.slice(1)
    return ExtractorConfig.prepare({
      configObjectFullPath: undefined,
      packageJsonFullPath: join(folder, 'package.json'),
      configObject: {
        projectFolder: folder,
        mainEntryPointFilePath: join(folder, types),
        compiler: { overrideTsconfig: { compilerOptions, files: [types] } },
        newlineKind: 'lf',
        apiReport: {
          enabled: true,
          reportFileName: `${name.replace('@', '').replaceAll('/', '-')}.api.md`,
          reportFolder,
          reportTempFolder: join(reportFolder, 'temp'),
        },
        docModel: { enabled: false },
        dtsRollup: { enabled: false },
        tsdocMetadata: { enabled: false },
        messages: { extractorMessageReporting: quiet, tsdocMessageReporting: quiet },
      },
    })
  })
}

/** What is undocumented or wrongly so is for typedoc and ESLint to say. */
const quiet = { default: { logLevel: ExtractorLogLevel.None } }

const compilerOptions = {
  target: 'es2022',
  module: 'nodenext',
  lib: ['es2023', 'dom', 'dom.iterable', 'esnext.disposable'],
  types: ['node'],
  strict: true,
  skipLibCheck: true,
}

/**
 * @param {string} file
 * @returns {string[] | undefined}
 */
function linesOf(file) {
  try {
    return readFileSync(file, 'utf8').split(/\r?\n/)
  } catch {
    return undefined
  }
}

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) {
  const root = join(import.meta.dirname, '..')
  const written = join(root, 'api')
  const temporary = mkdtempSync(join(tmpdir(), 'nomyo-api-'))
  try {
    const check = argv[2] === '--check'
    if (!check) rmSync(written, { recursive: true, force: true })
    const now = check ? join(temporary, 'api') : written
    writeReports(root, now)
    rmSync(join(now, 'temp'), { recursive: true, force: true })
    const findings = check ? reportFindings(written, now) : []
    console.log([...findings, `${readdirSync(now).length} reports`].join('\n'))
    if (findings.length > 0) {
      console.log('If that is meant: pnpm api, and a changeset.')
      process.exitCode = 1
    }
  } finally {
    rmSync(temporary, { recursive: true })
  }
}
