import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

const deployFolder = join(import.meta.dirname, '../deploy');

/** The format of Prometheus' rule files, as far as ours uses it. */
const rulesFile = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^Analytics[A-Za-z]+$/),
          expr: z.string(),
          for: z
            .string()
            .regex(/^\d+[sm]$/)
            .optional(),
          labels: z.strictObject({ severity: z.enum(['warning', 'critical']) }),
          annotations: z.strictObject({
            summary: z.string().min(20).endsWith('.'),
            runbook: z.string().min(40).endsWith('.'),
          }),
        }),
      ),
    }),
  ),
});

/** The format of a dashboard, as far as the tests need it. */
const dashboardFile = z.looseObject({
  title: z.string(),
  panels: z.array(
    z.looseObject({
      type: z.string(),
      title: z.string(),
      targets: z.array(z.looseObject({ expr: z.string() })).optional(),
    }),
  ),
});

/** Reads the rules of deploy/alerts.yml. */
export function readAlertRules() {
  const file = rulesFile.parse(parse(readFileSync(join(deployFolder, 'alerts.yml'), 'utf8')));
  return file.groups.flatMap(({ rules }) => rules);
}

/** Reads deploy/grafana-dashboard.json. */
export function readDashboard() {
  return dashboardFile.parse(JSON.parse(readFileSync(join(deployFolder, 'grafana-dashboard.json'), 'utf8')));
}
