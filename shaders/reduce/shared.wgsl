// Sums and maxima over the THREADS of a workgroup (a multiple of 16), through its memory alone. All
// threads call them together and all get the result.
var<workgroup> reduced: array<vec4<f32>, THREADS>;
var<workgroup> reduced_rows: array<vec4<f32>, 16>;

fn workgroup_sums(thread: u32, value: vec4<f32>) -> vec4<f32> {
    workgroupBarrier();
    reduced[thread] = value;
    workgroupBarrier();
    if thread < 16u {
        var sum = vec4<f32>(0.0);
        for (var i = thread; i < THREADS; i += 16u) {
            sum += reduced[i];
        }
        reduced_rows[thread] = sum;
    }
    workgroupBarrier();
    var sum = vec4<f32>(0.0);
    for (var i = 0u; i < 16u; i++) {
        sum += reduced_rows[i];
    }
    return sum;
}

fn workgroup_sum(thread: u32, value: f32) -> f32 {
    return workgroup_sums(thread, vec4<f32>(value, 0.0, 0.0, 0.0)).x;
}

fn workgroup_max(thread: u32, value: f32) -> f32 {
    workgroupBarrier();
    reduced[thread].x = value;
    workgroupBarrier();
    if thread < 16u {
        var largest = reduced[thread].x;
        for (var i = thread; i < THREADS; i += 16u) {
            largest = max(largest, reduced[i].x);
        }
        reduced_rows[thread].x = largest;
    }
    workgroupBarrier();
    var largest = reduced_rows[0].x;
    for (var i = 1u; i < 16u; i++) {
        largest = max(largest, reduced_rows[i].x);
    }
    return largest;
}
