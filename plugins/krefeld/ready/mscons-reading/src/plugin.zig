//! Meter readings out of MSCONS, as the metering operator sends them to an entitled party.
//!
//! Envelope and counts are checked, so that a message cut short is not half a truth. The version of MSCONS is taken from
//! the message (it changes twice a year); what is read here has been the same in all of 2.x. Readings of metering points
//! that are not the city's own are passed over and counted: nobody else may have them (MsbG).

const std = @import("std");
const stadtbus = @import("stadtbus");
const edifact = @import("edifact.zig");
const reading = @import("reading.zig");

comptime {
    stadtbus.exportDecode(decode);
}

/// An entry of the table of the city's own metering points.
const Meter = struct { buildingId: []const u8, medium: []const u8, unit: []const u8 };

/// The data of an event. `value` keeps the digits as they were sent.
const Recorded = struct {
    buildingId: []const u8,
    medium: []const u8,
    value: std.json.Value,
    unit: []const u8,
    at: []const u8,
    register: []const u8,
    quality: []const u8,
};

fn decode(raw: stadtbus.Raw, context: *stadtbus.Context) ![]const stadtbus.Draft {
    var readings: std.ArrayList(reading.Reading) = .empty;
    reading.read(raw.bytes, context.allocator, &readings) catch |cause| return switch (cause) {
        error.OutOfMemory => error.OutOfMemory,
        error.NotMscons => context.reject("not-mscons", "the interchange contains a message that is not MSCONS 2"),
        error.Malformed => context.reject("edifact-malformed", "the message is not a complete EDIFACT interchange"),
        error.Value => context.reject("reading-unreadable", "a value or time of a reading cannot be read"),
    };
    var drafts: std.ArrayList(stadtbus.Draft) = .empty;
    var foreign: usize = 0;
    for (readings.items) |each| {
        const meter = try context.lookup(Meter, "messlokationen", each.location) orelse {
            foreign += 1;
            continue;
        };
        try drafts.append(context.allocator, try draft(each, meter, context));
    }
    if (foreign > 0) stadtbus.log.warn("{d} readings of metering points that are not the city's own", .{foreign});
    if (drafts.items.len > 0) return drafts.items;
    if (foreign > 0) return context.drop("foreign-metering-point", "no reading is of one of the city's own metering points");
    return context.drop("no-reading", "the interchange contains no meter reading");
}

fn draft(each: reading.Reading, meter: Meter, context: *stadtbus.Context) !stadtbus.Draft {
    const extensions = try context.allocator.dupe(stadtbus.Attribute, &.{
        .{ .name = "dataclassification", .value = "internal" },
        .{ .name = "correlationid", .value = each.interchange },
    });
    return .{
        .type = "de.krefeld.zgm.meter.reading.recorded.v1",
        .key = try context.allocator.print("{s}/{s}/{s}/{d}", .{ each.sender, each.interchange, each.message, each.number }),
        .subject = meter.buildingId,
        .time = each.at,
        .extensions = extensions,
        .data = try context.toJson(Recorded{
            .buildingId = meter.buildingId,
            .medium = meter.medium,
            .value = .{ .number_string = each.value },
            .unit = meter.unit,
            .at = each.at,
            .register = each.register,
            .quality = each.quality,
        }),
    };
}

test {
    _ = edifact;
    _ = reading;
}

const own: stadtbus.testing.Entry = .{
    .table = "messlokationen",
    .key = "DE0001234780000000000000000000051",
    .json =
    \\{"buildingId": "KR-0815", "medium": "electricity", "unit": "kWh"}
    ,
};

fn sent(bytes: []const u8) stadtbus.Raw {
    return .{ .content_type = "application/edifact", .received = "2026-11-23T08:15:00Z", .bytes = bytes };
}

test "a reading of an own building becomes an event" {
    var call: stadtbus.testing.Call = .init(.{ .entries = &.{own} });
    defer call.deinit();
    const events = try decode(sent(@embedFile("samples/zaehlerstand.edi")), call.context());
    try std.testing.expectEqual(1, events.len);
    try std.testing.expectEqualStrings("9900000000001/KR26112300001/1/1", events[0].key.?);
    try std.testing.expectEqualStrings(
        \\{"buildingId":"KR-0815","medium":"electricity","value":1842.5,"unit":"kWh","at":"2026-11-22T23:00:00Z","register":"1-1:1.8.0","quality":"measured"}
    , events[0].data.?);
}

test "nothing of a foreign building leaves the plugin" {
    var call: stadtbus.testing.Call = .init(.{});
    defer call.deinit();
    try call.expectDrop("foreign-metering-point", decode(sent(@embedFile("samples/zaehlerstand.edi")), call.context()));
}
