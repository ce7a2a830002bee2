//! The measured transform in Zig.

const std = @import("std");
const stadtbus = @import("stadtbus");

comptime {
    stadtbus.exportTransform(transform);
}

fn transform(event: stadtbus.Event, context: *stadtbus.Context) ![]const stadtbus.Draft {
    var outage = try event.json(std.json.Value, context);
    if (outage != .object) return context.reject("no-object", "the data of the event are no object");
    const customers = outage.object.getPtr("customers") orelse
        return context.drop("no-outage", "the event is about something else");
    if (customers.* != .integer) return context.reject("no-number", "the number of customers is no integer");
    customers.integer = @divTrunc(customers.integer + 999, 1000) * 1000;
    return context.one(.{ .type = "de.krefeld.test.mapped.v1", .data = try context.toJson(outage) });
}
