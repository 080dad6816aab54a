import {
  DIMENSIONS,
  type Dimension,
  EVENT_DIMENSIONS,
  type Filters,
  isDimension,
} from '@analytics/shared/event/dimensions';
import { TEXT_LIMITS } from '@analytics/shared/event/eventFields';
import { PROPERTY_KEY } from '@analytics/shared/event/eventProperties';
import { text } from '@analytics/shared/event/text';
import { z } from 'zod';
import { isTimeZone } from './timeZone.ts';

/** The most days of a range: ten years with three leap days. */
const MAX_RANGE_DAYS = 3653;

const PERIODS = ['today', 'yesterday', '7d', '30d', '90d', '12mo', 'year', 'all'] as const;
export const INTERVALS = ['hour', 'day', 'week', 'month'] as const;

export type Period = (typeof PERIODS)[number];
export type Interval = (typeof INTERVALS)[number];

/** Express parses a repeated parameter into an array. */
function once<Schema extends z.ZodType>(schema: Schema) {
  return z.preprocess((value, context) => {
    if (Array.isArray(value)) {
      context.addIssue({ code: 'custom', message: 'must be given once' });
      return z.NEVER;
    }
    return value;
  }, schema);
}

function day(description: string) {
  const date = z.iso.date({ error: 'must be a day of the calendar as YYYY-MM-DD' });
  return once(date.optional().describe(description));
}

const siteShape = {
  site_id: once(text(TEXT_LIMITS.site_id).meta({ description: 'The site.', examples: ['site-abc-123'] })),
};

/** The range: one local day, a range of days, or a period that ends today. Without any of these: all time. */
const rangeShape = {
  date: day('One day. Not together with `from`, `to` or `period`.'),
  from: day('The first of several days, with `to`.'),
  to: day('The last of several days, with `from`; at most ten years later.'),
  period: once(
    z
      .enum(PERIODS, { error: `must be one of ${PERIODS.join(', ')}` })
      .optional()
      .describe(
        'Days that end today: `7d`, `30d` and `90d` are that many, `12mo` is this month and the eleven before, `year` begins on the 1st of January. `all` is all time.',
      ),
  ),
  /** The zone of the days. A `+` typed into a URL arrives as a space, which no zone name contains. */
  tz: once(
    z
      .string()
      .transform((name) => name.replaceAll(' ', '+'))
      .refine(isTimeZone, 'must be the name of a time zone, such as Europe/Berlin')
      .optional()
      .meta({
        description: 'The time zone of the days, by its name in the IANA database. Default: UTC.',
        format: 'time-zone',
        examples: ['Europe/Berlin'],
      }),
  ),
};

/** Events must match every filter that is given. */
const filterShape = Object.fromEntries(
  EVENT_DIMENSIONS.flatMap((name) => {
    const { value, filter, prefixFilter }: Dimension = DIMENSIONS[name];
    const describe = (description: string) => once(value.optional().describe(description));
    return [
      [name, describe(filter)],
      ...(prefixFilter === undefined ? [] : [[`${name}_prefix`, describe(prefixFilter)]]),
    ];
  }),
) as { [Name in keyof Filters]-?: z.ZodType<string | undefined> };

export type RangeParameters = z.infer<z.ZodObject<typeof rangeShape>>;

type DayParameters = Omit<RangeParameters, 'tz'>;

function checkRange({ date, from, to, period }: DayParameters, context: z.RefinementCtx): void {
  const fault = (path: string, message: string) =>
    context.addIssue({ code: 'custom', path: [path], message });
  if ([date, from ?? to, period].filter((value) => value !== undefined).length > 1) {
    fault('period', 'must be the only one of date, from and to, and period');
  } else if ((from === undefined) !== (to === undefined)) {
    fault(from === undefined ? 'from' : 'to', 'is required, because from and to belong together');
  } else if (from !== undefined && to !== undefined) {
    const days = (Date.parse(to) - Date.parse(from)) / 86_400_000 + 1;
    if (days < 1) {
      fault('to', 'must not lie before from');
    } else if (days > MAX_RANGE_DAYS) {
      fault('to', 'must not lie more than ten years after from');
    }
  }
}

const wholeNumber = (min: number, max: number, preset: number, description: string) => {
  const message = `must be a whole number from ${min} to ${max}`;
  return once(
    z
      .string()
      .regex(/^\d{1,9}$/, { error: message, abort: true })
      .transform(Number)
      .pipe(z.number().min(min, message).max(max, message))
      .default(preset)
      // To a client it is a number; a query has only text.
      .meta({
        description,
        type: 'integer',
        pattern: undefined,
        minimum: min,
        maximum: max,
        default: preset,
      }),
  );
};

const dimension = once(
  z
    .string({ error: `is required: ${EVENT_DIMENSIONS.join(', ')} or property:KEY` })
    .refine(isDimension, `must be ${EVENT_DIMENSIONS.join(', ')}, or property: and the name of a property`)
    .meta({
      description: 'What to group the events by.',
      pattern: `^(${EVENT_DIMENSIONS.join('|')}|property:${PROPERTY_KEY.source.slice(1, -1)})$`,
      examples: ['path', 'property:plan'],
    }),
);

const reportShape = { ...siteShape, ...rangeShape, ...filterShape };

/** The parameters of `GET /stats`. */
export const statsParameters = z.strictObject(reportShape).superRefine(checkRange);

/** The parameters of `GET /stats/timeseries`. */
export const timeseriesParameters = z
  .strictObject({
    ...reportShape,
    interval: once(
      z
        .enum(INTERVALS, { error: `must be one of ${INTERVALS.join(', ')}` })
        .optional()
        .describe(
          'The length of each interval. A series has at most 2,000. Default: days, or for all time the shortest length that fits.',
        ),
    ),
  })
  .superRefine(checkRange);

/** The parameters of `GET /stats/breakdown`. */
export const breakdownParameters = z
  .strictObject({
    ...reportShape,
    dimension,
    limit: wholeNumber(1, 1000, 10, 'The number of values.'),
    offset: wholeNumber(0, 999_999_999, 0, 'How many values to skip.'),
    search: once(text(TEXT_LIMITS.path).optional().describe('Only values that contain this text.')),
  })
  .superRefine(checkRange);

/** The parameters of `GET /stats/compare`. */
export const compareParameters = z
  .strictObject({
    ...reportShape,
    to_previous: once(
      z
        .enum(['period', 'year'], { error: 'must be period or year' })
        .default('period')
        .describe('Compare with as many days directly before, or with the same days a year earlier.'),
    ),
  })
  .superRefine(checkRange);

/** The parameters of `GET /stats/realtime`. */
export const realtimeParameters = z.strictObject({ ...siteShape, ...filterShape });

export type StatsParameters = z.infer<typeof statsParameters>;
export type TimeseriesParameters = z.infer<typeof timeseriesParameters>;
export type BreakdownParameters = z.infer<typeof breakdownParameters>;
export type CompareParameters = z.infer<typeof compareParameters>;
export type RealtimeParameters = z.infer<typeof realtimeParameters>;
