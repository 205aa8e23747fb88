import { isInstalled, temporaryFolder, writeFiles } from '@nomyo-internal/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { checkSite, launchBrowser } from '../docs-site/check.js'
import { pagesByGroup, rewriteLinks, targetOf } from '../docs-site/pages.js'

describe('the place of a page', () => {
  it.each([
    ['README.md', 'index.md'],
    ['docs/README.md', 'guides.md'],
    ['docs/drop-in/curl.md', 'drop-in/curl.md'],
    ['packages/client/README.md', 'packages/client.md'],
    ['CODE_OF_CONDUCT.md', 'project/code-of-conduct.md'],
  ])('%s is %s', (source, target) => {
    expect(targetOf(source)).toBe(target)
  })

  it('is in one group, and files come before the rest of their folder', () => {
    const texts = ['internal/a/README.md', 'docs/a.md', 'docs/operators.md', 'README.md']
    const titled = texts.map((path) => [path, `# Title of ${path}\n`] as const)
    const groups = pagesByGroup(new Map([...titled, ['docs/data.md', 'Not a page.\n']]))
    const sources = [...groups].flatMap(([{ text }, pages]) =>
      pages.map(({ source, title }) => [text, source, title]),
    )
    expect(sources).toEqual([
      ['Start', 'README.md', 'Title of README.md'],
      ['Run a gateway', 'docs/operators.md', 'Title of docs/operators.md'],
      ['Project', 'docs/a.md', 'Title of docs/a.md'],
    ])
  })
})

describe('a link', () => {
  const targets = new Map([
    ['README.md', 'index.md'],
    ['packages/client/README.md', 'packages/client.md'],
    ['docs/security.md', 'security.md'],
    ['docs/images/a.svg', 'images/a.svg'],
  ])
  const page = { source: 'docs/gateway/x.md', target: 'gateway/x.md' }

  it.each([
    ['[a](../security.md#b)', '[a](../security.md#b)'],
    ['[a](../../packages/client)', '[a](../packages/client.md)'],
    ['[a](../../README.md)', '[a](../index.md)'],
    ['<img src="../images/a.svg">', '<img src="../images/a.svg">'],
    ['[a](../../apps/x.ts)', '[a](https://r.example/apps/x.ts)'],
    ['[a](https://a.example/b) [c](#d)', '[a](https://a.example/b) [c](#d)'],
    ['`[a](../../apps/x.ts)`', '`[a](../../apps/x.ts)`'],
    ['```md\n[a](../../apps/x.ts)\n```', '```md\n[a](../../apps/x.ts)\n```'],
  ])('%j becomes %j', (text, result) => {
    expect(rewriteLinks(page, text, targets, 'https://r.example/')).toBe(result)
  })
})

it.skipIf(!isInstalled('chromium'))('a site is read as people read it', async () => {
  const folder = temporaryFolder()
  writeFiles(folder, {
    'index.html': '<h1 id="a">A</h1><a href="/more.html#b">b</a><a href="/gone.html">c</a>',
    'reference/1/classes/a.html': '<a href="b.html">b</a><a href="../../../index.html">c</a>',
    'more.html':
      '<a href="/index.html#a">a</a><pre style="width: 500px">wide</pre><img src="https://cdn.example/x.png">',
  })
  const browser = await launchBrowser()
  onTestFinished(() => browser.close())
  const findings = (await checkSite(folder, browser)).map((finding) => finding.split(': ')[0])
  expect(findings.sort()).toEqual([
    '/index.html',
    '/index.html',
    '/more.html',
    '/more.html',
    '/reference/1/classes/a.html',
    'http://site.example/more.html',
  ])
})
