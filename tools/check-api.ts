// Compares the public surface with its written form in api/, one report per public subpath.
// Run after a build: tsx tools/check-api.ts [--write]
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { argv } from 'node:process'
import {
  CompilerState,
  Extractor,
  ExtractorConfig,
  ExtractorLogLevel,
} from '@microsoft/api-extractor'
import { publicSubpaths, readPublished } from './workspace.mjs'

/**
 * Checks the reports of everything published below `root`, and writes those that differ if asked to.
 *
 * @returns differences, as API Extractor describes them
 */
export function checkReports(root: string, write: boolean): string[] {
  const reportFolder = join(root, 'api')
  const reportTempFolder = mkdtempSync(join(tmpdir(), 'nomyo-api-'))
  const configs = readPublished(root).flatMap(({ folder, manifest }) =>
    publicSubpaths(manifest).flatMap(([subpath, , types]) => {
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
            reportTempFolder,
          },
          docModel: { enabled: false },
          dtsRollup: { enabled: false },
          tsdocMetadata: { enabled: false },
          messages: { extractorMessageReporting: quiet, tsdocMessageReporting: quiet },
        },
      })
    }),
  )
  // One program for all: the compiler takes most of the time.
  const compilerState = CompilerState.create(configs[0]!, {
    additionalEntryPoints: configs.map(({ mainEntryPointFilePath }) => mainEntryPointFilePath),
  })
  const differences: string[] = []
  for (const config of configs) {
    Extractor.invoke(config, {
      compilerState,
      localBuild: write,
      printApiReportDiff: true,
      messageCallback: (message) => {
        message.handled = true
        if (message.logLevel === ExtractorLogLevel.Warning || message.messageId === DIFF)
          differences.push(message.text)
      },
    })
  }
  const expected = configs.flatMap(({ reportConfigs }) =>
    reportConfigs.map(({ fileName }) => join(reportFolder, fileName)),
  )
  const extra = readdirSync(reportFolder).map((name) => join(reportFolder, name))
  for (const path of extra.filter((path) => !expected.includes(path))) {
    differences.push(`${path} belongs to no public subpath`)
    if (write) rmSync(path)
  }
  rmSync(reportTempFolder, { recursive: true })
  return differences
}

const DIFF = 'console-api-report-diff'

/** typedoc and ESLint report what is undocumented or wrongly documented. */
const quiet = { default: { logLevel: ExtractorLogLevel.None } }

const compilerOptions = {
  target: 'es2022',
  module: 'nodenext',
  lib: ['es2023', 'dom', 'dom.iterable', 'esnext.disposable'],
  types: ['node'],
  strict: true,
  skipLibCheck: true,
}

if (argv[1] === import.meta.filename) {
  const write = argv[2] === '--write'
  const differences = checkReports(join(import.meta.dirname, '..'), write)
  console.log(differences.join('\n') || 'the public surface is as written in api/')
  if (differences.length > 0 && !write) {
    console.log('If the change is intended: pnpm api, and a changeset.')
    process.exitCode = 1
  }
}
