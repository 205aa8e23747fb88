// Checks that a version may be released, and prints the notes for it; or writes the version of the packages
// wherever examples, manifests and READMEs name one.
// tsx tools/release.ts v1.2.3 | --write-versions
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { argv } from 'node:process'
import { readPublished } from './workspace.mjs'

/** The word that stands for what only the owner of the project can decide. */
const PLACEHOLDER = 'OWNER'

/** Explains the placeholders, or searches for them. */
const ABOUT_PLACEHOLDERS =
  /^(?:docs\/releasing\.md|tools\/release\.ts|tools\/test\/release\.test\.ts)$/

/** Files that name the version of a package for their readers, or for npm and Helm. */
const NAMING_VERSIONS =
  /^(?:README\.md|(?:docs|examples|deploy|packages\/[\w-]+\/README\.md|apps\/[\w-]+\/README\.md)(?:\/.*)?)$/
/** `nomyo-js@1.2.3`, `"@nomyo/client": "1.2.3"`, the image `nomyo-gateway:1.2.3`, and a label of Kubernetes. */
const NAMED_VERSION =
  /((?:\bnomyo-js|@nomyo\/[\w-]+)(?:@|": ")|\/nomyo-(?:gateway|proxy):|app\.kubernetes\.io\/version: ")\d+\.\d+\.\d+/g
/** Of a chart for Helm, and of the image that it starts. */
const CHART_VERSION = /^((?:appV|v)ersion: )\d+\.\d+\.\d+/gm

/** Finds what speaks against the release of `tag`, in the files below `root`. */
export function releaseFindings(root: string, tag: string): string[] {
  const published = readPublished(root)
  const version = tag.replace(/^v/, '')
  return [
    ...published
      .filter(({ manifest }) => `v${manifest.version}` !== tag)
      .map(({ manifest }) => `${manifest.name} has version ${manifest.version}, not ${version}`),
    ...published
      .filter(({ manifest }) => manifest.repository === undefined)
      .map(({ manifest }) => `${manifest.name} names no repository, which provenance needs`),
    ...pendingChangesets(root).map((name) => `the changeset ${name} is not part of a version`),
    ...[...withVersion(root, version).keys()].map((path) => `${path} names another version`),
    ...placeholders(root).map((path) => `${path} still has the placeholder ${PLACEHOLDER}`),
    ...(releaseNotes(root, version) === undefined
      ? [`CHANGELOG.md has no text below a heading ${version}`]
      : []),
  ]
}

/** Reads the section of CHANGELOG.md about a version; undefined where there is none, or an empty one. */
export function releaseNotes(root: string, version: string): string | undefined {
  const sections = readFileSync(join(root, 'CHANGELOG.md'), 'utf8').split(/^## /m).slice(1)
  const section = sections.find((text) => /^\S+/.exec(text)?.[0] === version)
  const notes = section?.slice(section.indexOf('\n')).trim()
  return notes === '' ? undefined : notes
}

/** Gives the new text of each file that names another version of a package. */
export function withVersion(root: string, version: string): Map<string, string> {
  const changed = filesOf(root)
    .filter((path) => NAMING_VERSIONS.test(path))
    .flatMap((path) => {
      const text = readFileSync(join(root, path), 'utf8')
      const pattern = path.endsWith('/Chart.yaml') ? CHART_VERSION : NAMED_VERSION
      const next = text.replace(pattern, (_, before: string) => before + version)
      return next === text ? [] : [[path, next] as const]
    })
  return new Map(changed)
}

/** Lists the files with placeholders. */
export function placeholders(root: string): string[] {
  return filesOf(root)
    .filter((path) => !ABOUT_PLACEHOLDERS.test(path))
    .filter((path) =>
      new RegExp(`\\b${PLACEHOLDER}\\b`).test(readFileSync(join(root, path), 'utf8')),
    )
}

function filesOf(root: string): string[] {
  const words = ['ls-files', '--cached', '--others', '--exclude-standard']
  return execFileSync('git', words, { cwd: root, encoding: 'utf8' })
    .split('\n')
    .filter((path) => path !== '' && existsSync(join(root, path)))
}

function pendingChangesets(root: string): string[] {
  return readdirSync(join(root, '.changeset')).filter((name) => name.endsWith('.md'))
}

function main(root: string, parameter: string): void {
  if (parameter === '--write-versions') {
    const [first] = readPublished(root)
    for (const [path, text] of withVersion(root, first?.manifest.version ?? '')) {
      writeFileSync(join(root, path), text)
      console.log(path)
    }
    return
  }
  const findings = releaseFindings(root, parameter)
  if (findings.length === 0) console.log(releaseNotes(root, parameter.replace(/^v/, '')))
  else {
    console.error(findings.join('\n'))
    process.exitCode = 1
  }
}

if (argv[1] === import.meta.filename) main(join(import.meta.dirname, '..'), argv[2] ?? '')
